import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A server program that runs on loopback for a test file. */
export interface RealServer {
  /** Ends with a slash. */
  readonly url: string;
  /** The folder that it serves. */
  readonly directory: string;
  close(): Promise<void>;
}

/** Starts a server, or says why it cannot be started here. */
export interface ServerKind {
  readonly name: string;
  /** Null when it can be started. */
  readonly reason: string | null;
  start(): Promise<RealServer>;
}

const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3_000;
const POLL_MS = 25;

/** Returns where a program is; null when it is not installed. */
export function programPath(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isReadable) ?? null;
}

/** Tells whether a file can be read. */
export function isReadable(absolutePath: string): boolean {
  try {
    accessSync(absolutePath, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Folders of one running server, removed when it is closed. */
export interface ServerFolders {
  readonly base: string;
  readonly data: string;
}

/** Makes a base folder and one for data; `ownerId` owns both when the tests run as root. */
export async function makeFolders(name: string, ownerId?: number): Promise<ServerFolders> {
  const base = await mkdtemp(join(tmpdir(), `ferry-${name}-`));
  const data = join(base, 'data');
  await mkdir(data);
  await chmod(base, 0o755);
  await chmod(data, 0o777);
  if (ownerId !== undefined && process.getuid?.() === 0)
    for (const folder of [base, data]) await chown(folder, ownerId, ownerId);
  return { base, data };
}

/** Runs a server program in the foreground until it is closed, and waits until its port answers. */
export async function runServer(options: {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly folders: ServerFolders;
}): Promise<RealServer> {
  const { command, args, port, folders } = options;
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4000);
  });
  const close = async (): Promise<void> => {
    await stop(child);
    await rm(folders.base, { recursive: true, force: true });
  };
  const until = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > until) {
      await close();
      throw new Error(`${command} did not start: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { url: `http://127.0.0.1:${port}/`, directory: folders.data, close };
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', (failed) => resolve(!failed));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}
