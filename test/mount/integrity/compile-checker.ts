import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../../crash/native-programs.ts';

/** C sources are not compiled into dist: they are found from there. */
const SOURCES = fileURLToPath(new URL('../../../../test/mount/integrity/native/', import.meta.url));

/** Compiles the model checker into a directory, and returns its path. */
export async function compileChecker(directory: string): Promise<string> {
  const program = join(directory, 'checker');
  const sources = (await readdir(SOURCES)).filter((name) => name.endsWith('.c'));
  const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Wno-missing-field-initializers'];
  await command('cc', ...flags, '-o', program, ...sources.map((name) => join(SOURCES, name)));
  return program;
}
