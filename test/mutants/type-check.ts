import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/temporary.ts';
import { type Mutant, planted } from './mutant.ts';

const run = promisify(execFile);
const TIME_LIMIT_MS = 120_000;

/** Folders that bugs are planted into, and those that they import. */
const SOURCES = ['core', 'native', 'protocol', 'server'];

/**
 * Puts every mutant beside the file that it is one of, in a copy of the sources, and compiles all of them at once.
 * Returns what is wrong with them: the text to replace is not in its file, or the compiler refuses what comes out.
 */
export async function compilerErrors(
  root: string,
  mutants: readonly Mutant[],
): Promise<readonly string[]> {
  const folder = await temporaryDirectory();
  try {
    for (const name of [...SOURCES, 'package.json', 'tsconfig.json'])
      await cp(join(root, name), join(folder.path, name), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'));
    const misplaced: string[] = [];
    for (const mutant of mutants) {
      const source = await readFile(join(root, mutant.file), 'utf8').catch(() => '');
      const own = mutant.file.replace(/\.ts$/, `.mutant-${mutant.id}.ts`);
      try {
        await writeFile(join(folder.path, own), planted(mutant, source));
      } catch (error) {
        misplaced.push((error as Error).message);
      }
    }
    return [...misplaced, ...(await compile(root, folder.path))];
  } finally {
    await folder.close();
  }
}

async function compile(root: string, folder: string): Promise<readonly string[]> {
  const configuration = {
    extends: './tsconfig.json',
    compilerOptions: {
      noEmit: true,
      // What a bug leaves unused is no concern of its.
      noUnusedLocals: false,
      noUnusedParameters: false,
      allowUnreachableCode: true,
    },
    include: SOURCES,
  };
  await writeFile(join(folder, 'tsconfig.mutants.json'), JSON.stringify(configuration));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  try {
    await run(process.execPath, [compiler, '-p', 'tsconfig.mutants.json', '--pretty', 'false'], {
      cwd: folder,
      timeout: TIME_LIMIT_MS,
    });
    return [];
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}`.split('\n').filter((line) => /error/.test(line));
  }
}
