import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../support/temporary.ts';
import type { ClientResult, ClientsTask } from './clients-process.ts';
import { PASSWORD, userName } from './names.ts';
import { openSlowClients } from './slow-clients.ts';

const SERVER = fileURLToPath(new URL('./server-process.js', import.meta.url));
const CLIENTS = fileURLToPath(new URL('./clients-process.js', import.meta.url));
const PING_MS = 100;
const MB = 1024 * 1024;
const LARGE_FILE_BYTES = 64 * MB;

export interface LoadOptions {
  readonly clients: number;
  readonly files: number;
  /** Slow and endless connections of each kind beside them. */
  readonly slow: number;
  /** Processes that the clients share. */
  readonly processes: number;
  readonly say?: (line: string) => void;
}

/** What a load test has seen. */
export interface LoadReport {
  readonly results: readonly ClientResult[];
  /** From the start of all clients to the end of the last one, comparison included. */
  readonly seconds: number;
  /** The most memory that the server ever had (VmHWM). */
  readonly serverPeakBytes: number;
  /** Answers to the client that asks for a small file all the time, beside everything else. */
  readonly latenciesMs: readonly number[];
  readonly failedPings: number;
  readonly slowConnections: number;
  /** What is in the served directory that is not a user's root or the server's own folder. */
  readonly strays: readonly string[];
}

/**
 * Lets many Ferry clients upload a tree of their own at the same time, each as its own user, while slow and endless
 * requests take up what they can and one more client asks for a small file again and again.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { clients, files, slow, processes, say = () => undefined } = options;
  const work = await temporaryDirectory('ferry-load');
  const served = join(work.path, 'served');
  await mkdir(served);
  // Two more users: one whose requests are slow, and one whose answers are watched.
  const [slowUser, watcher] = [userName(clients), userName(clients + 1)];
  const server = spawn(process.execPath, [SERVER, served, `${clients + 2}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  });
  const children: ChildProcess[] = [server];
  try {
    const url = await firstLine(server);
    await writeFile(join(served, watcher, 'small'), 'small');
    await writeFile(join(served, slowUser, 'large'), Buffer.alloc(LARGE_FILE_BYTES));
    const workers = Array.from({ length: processes }, (_, worker) => {
      const users = Array.from({ length: clients }, (__, n) => n).filter(
        (n) => n % processes === worker,
      );
      const task: ClientsTask = { work: work.path, url, served, users, files };
      const child = fork(CLIENTS, [JSON.stringify(task)], {
        execArgv: ['--max-old-space-size=6144'],
      });
      children.push(child);
      return child;
    });
    await Promise.all(workers.map(nextMessage));
    say(`${clients} trees of ${files} files are made`);

    const port = Number(new URL(url).port);
    const slowly = openSlowClients({
      port,
      authorization: basic(slowUser),
      largeFile: '/large',
      each: slow,
    });
    const pings = watch(port, basic(watcher));
    const begun = performance.now();
    for (const worker of workers) worker.send('begin');
    const results = (await Promise.all(workers.map(nextMessage))) as ClientResult[][];
    const seconds = (performance.now() - begun) / 1000;
    const { latenciesMs, failed } = await pings.end();
    slowly.close();
    return {
      results: results.flat(),
      seconds,
      serverPeakBytes: peakOf(server),
      latenciesMs,
      failedPings: failed,
      slowConnections: slowly.opened,
      strays: (await readdir(served)).filter(
        (name) => name !== '.ferry' && !/^user-\d+$/.test(name),
      ),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await work.close();
  }
}

function basic(user: string): string {
  return `Basic ${Buffer.from(`${user}:${PASSWORD}`).toString('base64')}`;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the server has no output');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return line.toString().trim();
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a process of clients ended early (${code})`)));
  });
}

function peakOf({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Asks for a small file again and again, as somebody who has nothing to do with the rest. */
function watch(port: number, authorization: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const latenciesMs: number[] = [];
  let failed = 0;
  let isEnding = false;
  const ping = (): Promise<boolean> =>
    new Promise((resolve) => {
      const headers = { authorization };
      const sent = request({
        port,
        host: '127.0.0.1',
        path: '/small',
        headers,
        agent,
        timeout: 30_000,
      });
      sent.on('error', () => resolve(false));
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.on('response', (response) => {
        response.resume();
        response.on('error', () => resolve(false));
        response.on('end', () => resolve(response.statusCode === 200));
      });
      sent.end();
    });
  const running = (async () => {
    while (!isEnding) {
      const begun = performance.now();
      if (await ping()) latenciesMs.push(performance.now() - begun);
      else failed++;
      await new Promise((resolve) => setTimeout(resolve, PING_MS));
    }
  })();
  return {
    end: async () => {
      isEnding = true;
      await running;
      agent.destroy();
      return { latenciesMs, failed };
    },
  };
}
