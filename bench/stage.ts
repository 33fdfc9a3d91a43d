import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/servers/real-server.ts';
import { type DelayProxy, startDelayProxy } from './delay-proxy.ts';
import type { Peer, Prepared, Way } from './peers/peer.ts';
import { Daemons, type Measured, runMeasured, settle } from './processes.ts';
import type { Result } from './table.ts';
import { median } from './table.ts';
import { compareTrees } from './trees.ts';
import { WireCounter } from './wire.ts';

/** One timed run with everything that was measured of it. */
export interface Sample extends Measured {
  readonly serverCpuS: number;
  readonly serverMib: number;
  readonly bytes: number | null;
  readonly trees: string | null;
}

export interface StageOptions {
  /** Contents of the two sides at the beginning; null: empty. A path with `in place` is used itself. */
  readonly local: string | null;
  readonly remote: string | null;
  readonly inPlace?: 'local' | 'remote';
  readonly roundTripMs?: number;
  readonly watches?: boolean;
}

export interface SampleOptions {
  readonly isCold?: boolean;
  readonly comparesTrees?: boolean;
}

/** A pair of folders with a program between them. */
export class Stage {
  readonly local: string;
  readonly remote: string;
  readonly #state: string;
  readonly #port: number;
  readonly #prepared: Prepared;
  readonly #servers: Daemons;
  readonly #clients: Daemons;
  readonly #proxy: DelayProxy | null;
  readonly #wire = new WireCounter();

  private constructor(parts: {
    readonly local: string;
    readonly remote: string;
    readonly state: string;
    readonly port: number;
    readonly prepared: Prepared;
    readonly servers: Daemons;
    readonly clients: Daemons;
    readonly proxy: DelayProxy | null;
  }) {
    this.local = parts.local;
    this.remote = parts.remote;
    this.#state = parts.state;
    this.#port = parts.port;
    this.#prepared = parts.prepared;
    this.#servers = parts.servers;
    this.#clients = parts.clients;
    this.#proxy = parts.proxy;
  }

  static async open(peer: Peer, work: string, options: StageOptions): Promise<Stage> {
    const base = mkdtempSync(join(work, `${peer.name}-`));
    const state = join(base, 'state');
    mkdirSync(state);
    const side = (name: 'local' | 'remote'): string => {
      const source = options[name];
      if (source !== null && options.inPlace === name) return source;
      const folder = join(base, name);
      if (source === null) mkdirSync(folder);
      else cpSync(source, folder, { recursive: true, preserveTimestamps: true });
      return folder;
    };
    const [local, remote] = [side('local'), side('remote')];
    const port = await freePort();
    const { roundTripMs = 0, watches = false } = options;
    const proxy = roundTripMs === 0 ? null : await startDelayProxy(port, roundTripMs / 2);
    const [servers, clients] = [new Daemons(state), new Daemons(state)];
    const clientPort = proxy?.port ?? port;
    const place = { local, remote, state, port, clientPort, watches, servers, clients };
    try {
      const prepared = await peer.prepare(place);
      return new Stage({ ...place, prepared, proxy });
    } catch (error) {
      await Promise.all([servers.stop(), clients.stop()]);
      throw error;
    }
  }

  /** Carries over what is different, untimed. */
  async once(way: Way): Promise<void> {
    await this.#run(way);
  }

  async sample(way: Way, options: SampleOptions = {}): Promise<Sample> {
    const { isCold = false, comparesTrees = true } = options;
    settle(isCold);
    await sleep(500);
    const before = this.#servers.usage();
    const clientsBefore = this.#clients.usage();
    this.#wire.start(this.#port);
    const run = await this.#run(way);
    const { up, down } = this.#wire.read();
    this.#wire.stop();
    const [after, clientsAfter] = [this.#servers.usage(), this.#clients.usage()];
    return {
      ...run,
      cpuS: run.cpuS + clientsAfter.cpuS - clientsBefore.cpuS,
      memoryMib: Math.max(run.memoryMib, clientsAfter.memoryMib),
      serverCpuS: after.cpuS - before.cpuS,
      serverMib: after.memoryMib,
      bytes: up === null || down === null ? null : up + down,
      trees: comparesTrees ? compareTrees(this.local, this.remote) : null,
    };
  }

  async #run(way: Way): Promise<Measured> {
    const run = this.#prepared.once(way);
    if (typeof run === 'function') {
      const startedMs = performance.now();
      await run();
      return { wallS: (performance.now() - startedMs) / 1000, code: 0, cpuS: 0, memoryMib: 0 };
    }
    const measured = await runMeasured(run, this.#state);
    if (measured.code !== 0)
      process.stderr.write(
        `  ${run.command} ended with ${measured.code}: ${lastWords(join(this.#state, 'client.log'))}\n`,
      );
    return measured;
  }

  /** Begins to carry over changes as they happen. */
  async watch(): Promise<void> {
    await this.#prepared.watch?.();
  }

  usage(): {
    readonly client: ReturnType<Daemons['usage']>;
    readonly server: ReturnType<Daemons['usage']>;
  } {
    return { client: this.#clients.usage(), server: this.#servers.usage() };
  }

  async close(): Promise<void> {
    this.#wire.stop();
    await Promise.all([this.#clients.stop(), this.#servers.stop()]);
    this.#proxy?.close();
    rmSync(join(this.#state, '..'), { recursive: true, force: true });
  }
}

function lastWords(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-300).trim() : '';
}

/** Returns the medians of a row's samples. */
export function resultOf(row: string, peer: string, samples: readonly Sample[]): Result {
  const of = (value: (sample: Sample) => number): number => median(samples.map(value));
  const bytes = samples.flatMap((sample) => (sample.bytes === null ? [] : [sample.bytes]));
  const trees = new Set(samples.map((sample) => sample.trees));
  return {
    row,
    peer,
    runs: samples.length,
    wallS: of(({ wallS }) => wallS),
    cpuS: of(({ cpuS, serverCpuS }) => cpuS + serverCpuS),
    clientMib: of(({ memoryMib }) => memoryMib),
    serverMib: of(({ serverMib }) => serverMib),
    bytes: bytes.length === 0 ? null : median(bytes),
    trees: samples.some(({ code }) => code !== 0)
      ? 'failed'
      : ([...trees].find((one) => one !== 'equal') ?? [...trees][0] ?? null),
  };
}

/** Makes a data set once for all programs. */
export function madeOnce(place: string, make: () => void): string {
  if (!existsSync(`${place}.made`)) {
    make();
    writeFileSync(`${place}.made`, '');
  }
  return place;
}
