import { execFile } from 'node:child_process';
import { test } from '@jest/globals';
import { programPath } from '../../support/servers/real-server.ts';

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Long forms of these tests, with trees of 10,000 files, run when FERRY_LONG=1 is set. */
export const isLong = process.env['FERRY_LONG'] === '1';

/** What a program said and how it ended; -1: it was killed, or could not be started. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard input. */
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
}

/** Runs a program beside this process, which answers it meanwhile, until it ends. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { cwd, env = {}, input, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const child = execFile(
      programPath(name) ?? name,
      args,
      {
        timeout: timeoutMs,
        maxBuffer: MAX_OUTPUT_BYTES,
        env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
        ...(cwd === undefined ? {} : { cwd }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined); // it may end before it has read everything
    child.stdin?.end(input);
  });
}

/**
 * Returns `test` where the program can be used, else a skip whose reason is printed. FERRY_REQUIRE_SERVERS=1 makes a missing
 * program a failure, FERRY_REQUIRE_FUSE=1 whatever else `otherReason` says that keeps one from mounting.
 */
export function testWith(
  name: string,
  otherReason: string | null = null,
): typeof test | typeof test.skip {
  const { FERRY_REQUIRE_FUSE, FERRY_REQUIRE_SERVERS } = process.env;
  const isMissing = programPath(name) === null;
  const reason = isMissing ? `${name} (a Debian package) is not installed` : otherReason;
  const isRequired = (isMissing ? FERRY_REQUIRE_SERVERS : FERRY_REQUIRE_FUSE) === '1';
  if (reason === null || isRequired) return test;
  process.stderr.write(`skipped: ${reason}\n`);
  return test.skip;
}

/** Says on the terminal how long a long test took. */
export function report(what: string, startedMs: number): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stderr.write(`${what}: ${seconds} s\n`);
}
