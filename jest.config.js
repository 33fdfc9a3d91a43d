/** @type {import('jest').Config} Runs the compiled tests; source maps bring every trace back to the .ts line. */
export default {
  roots: ['<rootDir>/dist'],
  testMatch: ['**/test/**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  coverageProvider: 'v8',
  coveragePathIgnorePatterns: ['/node_modules/', '/test/'],
};
