import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The compiled command line. */
export const FERRY_MAIN = newestOf(
  fileURLToPath(new URL('../../cli/main.js', import.meta.url)),
  fileURLToPath(new URL('../../bundle/main.js', import.meta.url)),
);

export interface FerryResult {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FerryProcess {
  readonly child: ChildProcess;
  readonly result: Promise<FerryResult>;
  /** Resolves with the first line of stdout or stderr that matches. */
  line(pattern: RegExp): Promise<string>;
}

/** Starts `ferry` with its own FERRY_HOME. */
export function startFerry(home: string, args: readonly string[]): FerryProcess {
  const child = spawn(process.execPath, [FERRY_MAIN, ...args], {
    env: { ...process.env, FERRY_HOME: home, NO_COLOR: '1', UV_THREADPOOL_SIZE: '16' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];
  const scan = (): void => {
    const lines = `${stdout}\n${stderr}`.split('\n');
    for (const one of [...waiting]) {
      const found = lines.find((line) => one.pattern.test(line));
      if (found === undefined) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve(found);
    }
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    scan();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
    scan();
  });
  const result = new Promise<FerryResult>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  const line = (pattern: RegExp): Promise<string> =>
    Promise.race([
      new Promise<string>((resolve) => {
        waiting.push({ pattern, resolve });
        scan();
      }),
      result.then(({ code }) => {
        throw new Error(`ferry ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
      }),
    ]);
  return { child, result, line };
}

/** Runs `ferry` to its end. */
export function runFerry(home: string, args: readonly string[]): Promise<FerryResult> {
  return startFerry(home, args).result;
}

/** Returns the bundle that users run, unless what was compiled since is newer than it. */
function newestOf(compiled: string, bundled: string): string {
  const isCurrent = existsSync(bundled) && statSync(bundled).mtimeMs >= statSync(compiled).mtimeMs;
  return isCurrent ? bundled : compiled;
}
