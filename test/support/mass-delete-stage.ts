import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import { type RunningServer, serve } from '../../server/serve.ts';
import { listTree, type TreeListing } from './file-trees.ts';
import { quietLogger } from './quiet.ts';
import { type FerryResult, runFerry } from './run-ferry.ts';
import { startTamperingProxy, type TamperingProxy } from './tampering-proxy.ts';
import { temporaryDirectory } from './temporary.ts';

const run = promisify(execFile);

/** So many files are at the top, and so many in each of two directories. */
const FILES = 50;
const FILES_BELOW = 25;

/** One pair in step between a folder and the companion server, ready for an accident. */
export class MassDeleteStage {
  readonly local: string;
  readonly remote: string;
  readonly home: string;
  readonly proxy: TamperingProxy;
  readonly #close: () => Promise<void>;
  #server: RunningServer;

  private constructor(
    base: string,
    server: RunningServer,
    proxy: TamperingProxy,
    close: () => Promise<void>,
  ) {
    this.local = join(base, 'local');
    this.remote = join(base, 'remote');
    this.home = join(base, 'home');
    this.#server = server;
    this.proxy = proxy;
    this.#close = close;
  }

  static async open(): Promise<MassDeleteStage> {
    const base = await temporaryDirectory('ferry-accident');
    for (const name of ['local', 'remote']) await fs.mkdir(join(base.path, name));
    const server = await started(join(base.path, 'remote'), 0);
    const proxy = await startTamperingProxy(server.url);
    const stage = new MassDeleteStage(base.path, server, proxy, () => base.close());
    await stage.#fill();
    const pair = { local: stage.local, remote: proxy.url, direction: 'two-way' };
    await fs.mkdir(stage.home, { mode: 0o700 });
    await fs.writeFile(join(stage.home, 'config.json'), JSON.stringify({ pairs: { pair } }));
    await stage.synced();
    return stage;
  }

  async #fill(): Promise<void> {
    for (let index = 0; index < FILES; index++) await this.write('local', `f${index}`, index);
    for (const directory of ['photos', 'papers'])
      for (let index = 0; index < FILES_BELOW; index++)
        await this.write('local', `${directory}/in/g${index}`, index);
  }

  /** Writes a file with a content of its own, and a time `ageS` seconds ago. */
  async write(side: 'local' | 'remote', path: string, salt: number, ageS = 1000): Promise<void> {
    const absolutePath = join(this[side], path);
    await fs.mkdir(join(absolutePath, '..'), { recursive: true });
    await fs.writeFile(absolutePath, `${path} ${salt}`);
    const time = Date.now() / 1000 - ageS;
    await fs.utimes(absolutePath, time, time);
  }

  ferry(...args: readonly string[]): Promise<FerryResult> {
    return runFerry(this.home, args);
  }

  sync(...more: readonly string[]): Promise<FerryResult> {
    return this.ferry('sync', 'pair', '--json', ...more);
  }

  /** Runs once more and expects it to end well. */
  async synced(...more: readonly string[]): Promise<RunSummary> {
    const { code, stdout, stderr } = await this.sync(...more);
    if (code !== 0) throw new Error(`sync ended with ${code}: ${stderr}${stdout}`);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunSummary;
  }

  tree(side: 'local' | 'remote'): Promise<TreeListing> {
    return listTree(this[side]);
  }

  /** Copies a folder as a backup does: times, modes and private folders included. */
  async backUp(from: string, to: string): Promise<void> {
    await run('cp', ['-a', from, to]);
  }

  /** Where everything that Ferry knows about the pair is kept. */
  get pairDirectory(): string {
    return join(this.home, 'pairs', 'pair');
  }

  async stopServer(): Promise<void> {
    await this.#server.close();
  }

  async startServer(): Promise<void> {
    this.#server = await started(this.remote, this.#server.port);
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#server.close();
    await this.#close();
  }
}

function started(directory: string, port: number): Promise<RunningServer> {
  const here = { directory, host: '127.0.0.1', port, users: null, tls: null };
  return serve({ ...here, logger: quietLogger });
}
