import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The table's source; it stands in the repository, not among what is compiled. */
const SOURCE = fileURLToPath(new URL('../../../test/mount/posix/', import.meta.url));
const COMPILER = ['-std=gnu17', '-O1', '-Wall', '-Wextra', '-Werror'];
const COMPILE_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 120_000;
const LINE = /^(ok|not ok|skip) (([^:]+): .*)$/;

/** One behaviour of the table, as it was found in a directory. */
export interface PosixResult {
  readonly group: string;
  /** With its group, as the program prints it; for those that failed or were skipped, what it said is cut off. */
  readonly name: string;
  readonly verdict: 'ok' | 'not ok' | 'skip';
  /** What was expected and what was found, or which feature is missing. */
  readonly reason: string;
}

/** The table of behaviours, compiled into a directory. */
export class PosixCases {
  readonly #program: string;
  /** `group: name` of each, in the order in which they run. */
  readonly names: readonly string[];

  private constructor(program: string, names: readonly string[]) {
    this.#program = program;
    this.names = names;
  }

  /** @throws an Error that says so when there is no C compiler */
  static async compile(directory: string): Promise<PosixCases> {
    const program = join(directory, 'posix-cases');
    const sources = (await readdir(SOURCE)).filter((name) => name.endsWith('.c')).sort();
    const { code, stderr } = await execute('cc', [...COMPILER, '-o', program, ...sources], {
      cwd: SOURCE,
      timeout: COMPILE_TIMEOUT_MS,
    });
    if (code !== 0) throw new Error(`the POSIX table cannot be compiled: ${stderr}`);
    const listed = await execute(program, ['--list'], { timeout: COMPILE_TIMEOUT_MS });
    return new PosixCases(program, listed.stdout.trimEnd().split('\n'));
  }

  get groups(): readonly string[] {
    return [...new Set(this.names.map((name) => name.slice(0, name.indexOf(': '))))];
  }

  /** Runs all cases, or those of one group, below `directory`; `features` says what is to be expected there. */
  async run(
    directory: string,
    features: readonly string[],
    group?: string,
  ): Promise<readonly PosixResult[]> {
    const only = group === undefined ? [] : ['--only', group];
    const { code, stdout, stderr } = await execute(
      this.#program,
      [directory, '--with', features.join(','), ...only],
      { timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL' },
    );
    if (code !== 0 && code !== 1)
      throw new Error(`the POSIX table did not end: ${stderr}${stdout}`);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => this.#parse(line));
  }

  #parse(line: string): PosixResult {
    const [, verdict, text, group] = LINE.exec(line) ?? [];
    const name = this.names.find((one) => text === one || text?.startsWith(`${one}: `));
    if (text === undefined || group === undefined || name === undefined)
      throw new Error(`the POSIX table said: ${line}`);
    const reason = text.slice(name.length + ': '.length);
    return { group, name, verdict: verdict as PosixResult['verdict'], reason };
  }
}

function execute(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly timeout: number; readonly killSignal?: 'SIGKILL' },
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}
