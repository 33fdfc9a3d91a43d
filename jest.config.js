import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} Runs the compiled tests; source maps bring every trace back to the .ts line. */
export default {
  roots: ['<rootDir>/dist'],
  testMatch: ['**/test/**/*.test.js'],
  testEnvironment: 'node',
  // The tests wait for servers and disks more than they compute.
  maxWorkers: Math.ceil(availableParallelism() * 1.5),
  // Real programs and disks beside each other: a test that is slow is not wrong.
  testTimeout: 30_000,
  transform: {},
  coverageProvider: 'v8',
  coveragePathIgnorePatterns: ['/node_modules/', '/test/'],
};
