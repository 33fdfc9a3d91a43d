import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { programPath } from '../support/servers/real-server.ts';

const run = promisify(execFile);

/** C sources are not compiled into dist: they are found from there. */
const SOURCES = fileURLToPath(new URL('../../../test/crash/native/', import.meta.url));

/** Runs a program of the system and returns what it printed. @throws Error with what it complained about */
export async function command(program: string, ...args: readonly string[]): Promise<string> {
  const path = programPath(program);
  if (path === null) throw new Error(`${program} is not installed`);
  const { stdout } = await run(path, [...args], { timeout: 120_000 });
  return stdout.trim();
}

/** Returns why no C program can be compiled here; null when one can. */
export function noCompilerReason(): string | null {
  return programPath('cc') === null ? 'no C compiler: apt-get install gcc libc6-dev' : null;
}

/** Compiles the library that kills the program it is preloaded into at a chosen call, and returns its path. */
export function compileShim(directory: string): Promise<string> {
  return compileLibrary('shim', directory);
}

/** Compiles the library that makes `fsync` slow in the program it is preloaded into, and returns its path. */
export function compileSlowSync(directory: string): Promise<string> {
  return compileLibrary('slow-sync', directory);
}

async function compileLibrary(name: string, directory: string): Promise<string> {
  const library = join(directory, `${name}.so`);
  await command('cc', '-shared', '-fPIC', '-O2', '-o', library, join(SOURCES, `${name}.c`), '-ldl');
  return library;
}

/** Compiles the recorded disk, and returns its path. */
export async function compileRecordedDisk(directory: string): Promise<string> {
  const program = join(directory, 'recorded-disk');
  const flags = (await command('pkg-config', '--cflags', '--libs', 'fuse3')).split(/\s+/);
  await command('cc', '-O2', '-o', program, join(SOURCES, 'recorded-disk.c'), ...flags);
  return program;
}
