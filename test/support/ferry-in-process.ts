import { runProgram } from '../../cli/program.ts';
import type { FerryResult } from './run-ferry.ts';

/** Returns a function that runs `ferry` in this process, with its own FERRY_HOME: as fast as what it does. */
export function ferryInProcess(
  home: string,
  cwd: string,
): (...argv: readonly string[]) => Promise<FerryResult> {
  return async (...argv) => {
    let stdout = '';
    let stderr = '';
    const code = await runProgram({
      argv,
      environment: { FERRY_HOME: home, FERRY_DEVICE: 'laptop', NO_COLOR: '1' },
      cwd,
      stdout: {
        write: (text: string) => {
          stdout += text;
        },
      },
      stderr: {
        write: (text: string) => {
          stderr += text;
        },
      },
      version: '0.0.0-test',
      signal: new AbortController().signal,
    });
    return { code, stdout, stderr };
  };
}
