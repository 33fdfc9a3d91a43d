import { readdir } from 'node:fs/promises';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runFile } from './globals.ts';

/** Runs every compiled test file whose path matches one of the arguments, and stops at the first test that fails. */
const TESTS = join(import.meta.dirname, '../..');
const patterns = process.argv.slice(2).map((pattern) => new RegExp(pattern));

register('./loader.js', import.meta.url);
const found = (await readdir(TESTS, { recursive: true }))
  .filter((file) => file.endsWith('.test.js') && patterns.some((pattern) => pattern.test(file)))
  .sort();
try {
  for (const file of found) await runFile(() => import(pathToFileURL(join(TESTS, file)).href));
} catch (error) {
  const { message, cause } = error as Error;
  process.stderr.write(`\nfailed: ${message}\n${String((cause as Error | undefined)?.stack)}\n`);
  process.exit(1);
}
process.exit(found.length > 0 ? 0 : 2);
