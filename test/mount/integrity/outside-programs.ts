import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { programPath } from '../../support/servers/real-server.ts';

/** One run of a program that verifies a file system by itself. */
export interface ProgramCheck {
  readonly name: string;
  readonly program: 'fio' | 'stress-ng';
  /** For a directory of its own, and so many seconds. */
  readonly args: (directory: string, seconds: number) => readonly string[];
}

export interface ProgramVerdict {
  readonly name: string;
  /** `skipped`: what it needs is not there, and it says so. */
  readonly result: 'ok' | 'skipped' | 'failed';
  /** What it said when it was not all right. */
  readonly said: string;
}

const STARTED_FROM = '/';
const SPARE_MS = 120_000;
const SAID_LENGTH = 3000;

/** Returns why the program cannot be run here; null when it can. */
export function noProgramReason(program: ProgramCheck['program']): string | null {
  return programPath(program) === null ? `${program} is not installed` : null;
}

/** Runs one check in a directory of its own below `parent`, never for longer than its seconds and two minutes. */
export async function runProgramCheck(
  check: ProgramCheck,
  parent: string,
  seconds: number,
): Promise<ProgramVerdict> {
  const directory = await mkdtemp(join(parent, 'program-'));
  const child = spawn(check.program, [...check.args(directory, seconds)], {
    cwd: STARTED_FROM,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-SAID_LENGTH);
    });
  const timer = setTimeout(
    () => {
      said += '\nit did not end';
      endGroup(child.pid);
    },
    seconds * 1000 + SPARE_MS,
  );
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      said += String(error);
    });
    child.once('close', resolve);
  });
  clearTimeout(timer);
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  const result = /will be skipped|skipping stress/.test(said) ? 'skipped' : 'failed';
  if (code === 0 && result !== 'skipped') return { name: check.name, result: 'ok', said: '' };
  return { name: check.name, result, said: `exit ${code}: ${said.trimEnd()}` };
}

/** Ends a program and the processes that it has started. */
function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended just now.
  }
}
