import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../cli/program.ts';
import type { Direction } from '../../core/model/entry.ts';
import { FERRY_MAIN } from '../support/run-ferry.ts';
import { type ClientCommand, formatMoment, type Moment } from './points.ts';

/** Where everything of one trial is. The client's disk and the server's are separate folders of it. */
export interface Place {
  readonly path: string;
  readonly client: string;
  readonly server: string;
  /** The client's root, the served directory, and the client's FERRY_HOME. */
  readonly local: string;
  readonly remote: string;
  readonly home: string;
}

/** Returns the folders below `path`. */
export function placeAt(path: string): Place {
  const client = join(path, 'client');
  const server = join(path, 'server');
  const inClient = { local: join(client, 'local'), home: join(client, 'home') };
  return { path, client, server, ...inClient, remote: join(server, 'tree') };
}

/** How a run of the client ended. */
export interface RunEnd {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PAIR = 'pair';
/** A reset asks before it begins. */
const FLAGS: Readonly<Record<ClientCommand, readonly string[]>> = { sync: [], reset: ['--yes'] };
const RUN_TIMEOUT_MS = 60_000;

/** Makes the empty roots and the client's home. */
export async function makeRoots({ local, remote, home }: Place): Promise<void> {
  for (const path of [local, remote, home]) await mkdir(path, { recursive: true });
}

/** Runs the client to its end, in this process: that saves starting one. */
export async function runHere(place: Place, ...argv: readonly string[]): Promise<RunEnd> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram({
    argv,
    environment: { ...process.env, FERRY_HOME: place.home, NO_COLOR: '1' },
    cwd: place.path,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    version: '0',
    signal: AbortSignal.timeout(RUN_TIMEOUT_MS),
  });
  return { code, stdout, stderr };
}

/** Lets the client do its work on the pair, in this process. */
export function workHere(place: Place, command: ClientCommand): Promise<RunEnd> {
  return runHere(place, command, PAIR, '--json', ...FLAGS[command]);
}

/** Sets the pair up and brings both sides in step. */
export async function joinSides(place: Place, url: string, direction: Direction): Promise<void> {
  const added = ['pair', 'add', place.local, 'server', '--name', PAIR, '--direction', direction];
  for (const argv of [['remote', 'add', 'server', url, '--yes'], added, ['sync', PAIR]]) {
    const { code, stderr } = await runHere(place, ...argv);
    if (code !== 0) throw new Error(`ferry ${argv.join(' ')} ended with ${code}: ${stderr}`);
  }
}

/** Returns the directory of the pair's records. */
export function pairRecords({ home }: Place): string {
  return join(home, 'pairs', PAIR, 'records');
}

export interface WatchedRun extends RunEnd {
  /** A line for each call that counted: class, tab, path. */
  readonly trace: string;
}

export interface WatchOptions {
  readonly shim: string;
  /** Outside of the place. */
  readonly traceFile: string;
  /** Where the process is killed; null: nowhere. */
  readonly moment: Moment | null;
  readonly command: ClientCommand;
  /** Threads for file operations; with one, two runs do the same in the same order. */
  readonly threads: number;
}

/** Lets the client do its work in a process of its own that counts its calls, and ends at the moment it is told. */
export async function runWatched(place: Place, options: WatchOptions): Promise<WatchedRun> {
  const { shim, traceFile, moment, command, threads } = options;
  await rm(traceFile, { force: true });
  const child = spawn(process.execPath, [FERRY_MAIN, command, PAIR, ...FLAGS[command]], {
    env: {
      ...process.env,
      FERRY_HOME: place.home,
      NO_COLOR: '1',
      UV_THREADPOOL_SIZE: `${threads}`,
      LD_PRELOAD: shim,
      FERRY_CRASH_UNDER: place.client,
      FERRY_CRASH_STORE: join(place.home, 'pairs'),
      FERRY_CRASH_TRACE: traceFile,
      ...(moment === null ? {} : { FERRY_CRASH_POINT: formatMoment(moment) }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const trace = await readFile(traceFile, 'utf8').catch(() => '');
  return { code, stdout, stderr, trace };
}
