import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ApiPair } from '../../daemon/api.ts';
import { type ControlClient, createControlClient } from '../../daemon/control-client.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';
import { reasonWithoutMount } from './mounted-drive.ts';
import { type FerryResult, runFerry } from './run-ferry.ts';
import type { RealServer, ServerKind } from './servers/real-server.ts';
import { temporaryDirectory } from './temporary.ts';

const run = promisify(execFile);
const SETTLE_TIMEOUT_MS = 40_000;
const PROGRAM_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const STEADY_MS = 400;

/** Says why no drive of such a server can be mounted here; null: it can. */
export async function reasonWithoutDrive(kind: ServerKind): Promise<string | null> {
  const isRequired = process.env['FERRY_REQUIRE_SERVERS'] === '1';
  const reason = (await reasonWithoutMount()) ?? (isRequired ? null : kind.reason);
  if (reason !== null) process.stderr.write(`skipped: drives of the ${kind.name}: ${reason}\n`);
  return reason;
}

/** A drive that the command line mounts, of a real server behind a proxy that tells what was asked of it. */
export class ServedDrive {
  readonly home: string;
  readonly drive: string;
  readonly server: RealServer;
  readonly proxy: CountingProxy;
  readonly #daemon: ControlClient;
  readonly #folder: Awaited<ReturnType<typeof temporaryDirectory>>;

  private constructor(
    folder: Awaited<ReturnType<typeof temporaryDirectory>>,
    server: RealServer,
    proxy: CountingProxy,
  ) {
    this.#folder = folder;
    this.server = server;
    this.proxy = proxy;
    this.home = join(folder.path, 'home');
    this.drive = join(folder.path, 'drive');
    this.#daemon = createControlClient(join(this.home, 'run', 'control.sock'));
  }

  /** Starts the server; `mount` follows, when the server holds what it shall. */
  static async start(kind: ServerKind): Promise<ServedDrive> {
    const folder = await temporaryDirectory('ferry-served');
    const server = await kind.start();
    return new ServedDrive(folder, server, await startCountingProxy(server.url));
  }

  /** Beside the drive. */
  get directory(): string {
    return this.#folder.path;
  }

  async mount(...options: readonly string[]): Promise<void> {
    const { code, stderr } = await this.ferry('mount', this.proxy.url, this.drive, ...options);
    if (code !== 0) throw new Error(`not mounted: ${stderr}`);
    await this.settled();
    this.proxy.clear();
  }

  ferry(...args: readonly string[]): Promise<FerryResult> {
    return runFerry(this.home, args);
  }

  /** Runs a line of shell in the drive, in another process: a call on one's own mount would never come back. */
  async shell(line: string): Promise<string> {
    const options = {
      cwd: this.drive,
      timeout: PROGRAM_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    } as const;
    const { stdout } = await run('/bin/bash', ['-euc', line], options);
    return stdout;
  }

  /** Runs a Python program with arguments. */
  async python(program: string, ...args: readonly string[]): Promise<string> {
    const options = { timeout: PROGRAM_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    const { stdout } = await run('python3', ['-c', program, ...args], options);
    return stdout;
  }

  async state(): Promise<ApiPair> {
    const { pairs } = await this.#daemon.state();
    const [pair] = pairs;
    if (pair === undefined) throw new Error('no drive is known');
    return pair;
  }

  /** Resolves when the state is as wished. */
  async until(what: string, isSo: (state: ApiPair) => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    for (;;) {
      const state = await this.state();
      if (await isSo(state)) return;
      if (Date.now() > deadline) throw new Error(`not ${what}: ${JSON.stringify(state)}`);
      await sleep(POLL_MS);
    }
  }

  /** Resolves when both sides have been the same for a moment: what a program did just now is heard of a little later. */
  settled(): Promise<void> {
    let sinceMs: number | null = null;
    return this.until('in sync', ({ inSync, running }) => {
      sinceMs = inSync === 'in-sync' && !running ? (sinceMs ?? Date.now()) : null;
      return sinceMs !== null && Date.now() - sinceMs >= STEADY_MS;
    });
  }

  async close(): Promise<void> {
    await this.ferry('unmount', this.drive, '--lazy');
    await this.ferry('daemon', 'stop');
    await this.proxy.close();
    await this.server.close();
    await this.#folder.close();
  }
}
