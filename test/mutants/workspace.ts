import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transform } from '@swc/core';
import { temporaryDirectory } from '../support/temporary.ts';
import { type Mutant, planted } from './mutant.ts';

/** A private copy of the compiled tree in which one file at a time has a bug. */
export interface Workspace {
  readonly path: string;
  /** Plants the bug in place of the one before. */
  plant(mutant: Mutant): Promise<void>;
  /** Takes the bug out again. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** The sources that mutants are made from, as they were when this was called. */
export type Sources = ReadonlyMap<string, string>;

/** Reads every file that has a mutant. */
export async function readSources(root: string, mutants: readonly Mutant[]): Promise<Sources> {
  const files = new Set(mutants.map(({ file }) => file));
  const texts = [...files].map(
    async (file): Promise<[string, string]> => [file, await readFile(join(root, file), 'utf8')],
  );
  return new Map(await Promise.all(texts));
}

/** Copies what was compiled; packages and the addon are shared. */
export async function openWorkspace(root: string, sources: Sources): Promise<Workspace> {
  const folder = await temporaryDirectory('ferry-mutants');
  const { path } = folder;
  await cp(join(root, 'dist'), join(path, 'dist'), { recursive: true });
  for (const name of ['package.json', 'jest.config.js'])
    await cp(join(root, name), join(path, name));
  for (const name of ['node_modules', 'build']) await symlink(join(root, name), join(path, name));
  const write = async (file: string, source: string): Promise<void> =>
    writeFile(join(path, 'dist', file.replace(/\.ts$/, '.js')), await compiled(source));
  // By the same compiler as the bugs, so that nothing else makes the difference.
  for (const [file, source] of sources) await write(file, source);
  let infected: string | null = null;
  const restore = async (): Promise<void> => {
    if (infected !== null) await write(infected, sources.get(infected) ?? '');
    infected = null;
  };
  return {
    path,
    async plant(mutant) {
      await restore();
      infected = mutant.file;
      await write(mutant.file, planted(mutant, sources.get(mutant.file) ?? ''));
    },
    restore,
    close: () => folder.close(),
  };
}

async function compiled(source: string): Promise<string> {
  const jsc = {
    target: 'es2022',
    parser: { syntax: 'typescript' },
    transform: { verbatimModuleSyntax: true },
    // Not in the compiler's own types.
    rewriteRelativeImportExtensions: true,
  } as const;
  const options = { configFile: false, swcrc: false, module: { type: 'es6' }, jsc } as const;
  return (await transform(source, options)).code;
}
