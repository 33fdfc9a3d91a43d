import { join } from 'node:path';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunRequest, RunSummary } from '../../core/engine/pair-engine.ts';
import type { PairSettings } from '../../core/engine/pair-settings.ts';
import type { Direction, Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath, type SyncPath } from '../../core/model/path.ts';
import type { Metadata } from '../../core/ports.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import {
  createMemoryReplica,
  type MemoryOperation,
  type MemoryReplica,
  type MemoryReplicaOptions,
} from '../../remotes/memory/memory-replica.ts';
import { quietLogger } from './quiet.ts';
import { temporaryDirectory } from './temporary.ts';

export interface SyncWorldOptions {
  readonly direction: Direction;
  readonly settings?: Partial<PairSettings>;
  /** What the remote can do beside the rest; by default it is a plain server without hashes and identities. */
  readonly remote?: MemoryReplicaOptions;
  readonly local?: MemoryReplicaOptions;
}

/** The whole tree of one side: path to content; `/` marks a directory, `->` a link. */
export type Snapshot = Readonly<Record<string, string>>;

/** A pair of two trees in memory with a real engine and real records between them. */
export class SyncWorld {
  readonly sides: Readonly<Record<Side, MemoryReplica>>;
  /** What the engine asked of each side since the last `sync`. */
  readonly calls: { side: Side; operation: MemoryOperation; path: SyncPath }[] = [];
  direction: Direction;
  /** The engine's calls are cut off when so many were made; none when null. */
  failAfter: number | null = null;
  /** Runs before each call of the engine; what it throws is what the call fails with. */
  onCall: ((side: Side, operation: MemoryOperation, path: SyncPath) => void) | null = null;
  readonly #settings: { -readonly [Key in keyof PairSettings]?: PairSettings[Key] };
  readonly #folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  #engine: PairEngine | null = null;
  #nowMs = 1_760_000_000_000;

  private constructor(
    options: SyncWorldOptions,
    folder: Awaited<ReturnType<typeof temporaryDirectory>>,
  ) {
    this.direction = options.direction;
    this.#settings = { ...options.settings };
    this.#folder = folder;
    const watched = (side: Side, own: MemoryReplicaOptions): MemoryReplica =>
      createMemoryReplica({
        now: () => this.#nowMs++,
        rootId: side,
        before: (operation, path) => this.#before(side, operation, path),
        ...own,
      });
    this.sides = {
      local: watched('local', options.local ?? {}),
      remote: watched('remote', { identities: false, ...options.remote }),
    };
  }

  static async open(options: SyncWorldOptions): Promise<SyncWorld> {
    return new SyncWorld(options, await temporaryDirectory());
  }

  write(side: Side, path: string, content: string, metadata: Metadata = {}): void {
    this.sides[side].outside.write(parseSyncPath(path), Buffer.from(content), metadata);
  }

  makeLink(side: Side, path: string, target: string): void {
    this.sides[side].outside.makeLink(parseSyncPath(path), target);
  }

  makeDirectory(side: Side, path: string): void {
    this.sides[side].outside.makeDirectory(parseSyncPath(path));
  }

  remove(side: Side, path: string): void {
    this.sides[side].outside.remove(parseSyncPath(path));
  }

  move(side: Side, from: string, to: string): void {
    this.sides[side].outside.move(parseSyncPath(from), parseSyncPath(to));
  }

  snapshot(side: Side): Snapshot {
    const found: Record<string, string> = {};
    const { outside } = this.sides[side];
    for (const path of outside.paths()) {
      const content = outside.read(path);
      const target = outside.target(path);
      if (content !== null) found[path] = Buffer.from(content).toString();
      else found[path] = target === null ? '/' : `-> ${target}`;
    }
    return found;
  }

  async sync(request: RunRequest = {}): Promise<RunSummary> {
    const engine = await this.engine();
    this.calls.length = 0;
    return engine.run({ allowDeletes: true, yes: true, ...request });
  }

  async reset(): Promise<RunSummary> {
    const engine = await this.engine();
    this.calls.length = 0;
    return engine.reset({ yes: true });
  }

  /** Changes what the pair obeys; takes effect with the next `restart`. */
  configure(settings: Partial<PairSettings>): void {
    Object.assign(this.#settings, settings);
  }

  /** Where the engine keeps the pair's records. */
  get recordsDirectory(): string {
    return join(this.#folder.path, 'pair');
  }

  /** Ends the engine as a killed process would and lets the next `sync` open the records again. */
  async restart(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
    this.failAfter = null;
  }

  /** Calls of the last sync that changed something or read content. */
  costs(): readonly string[] {
    return this.calls
      .filter(({ operation }) => operation !== 'observe')
      .map(({ side, operation, path }) => `${operation} ${side} ${path}`);
  }

  async engine(): Promise<PairEngine> {
    this.#engine ??= await createPairEngine({
      settings: {
        name: 'world',
        direction: this.direction,
        deletes: 'propagate',
        mirror: false,
        ignore: [],
        maxDeleteFraction: 0.25,
        trustTimes: false,
        deviceName: 'laptop',
        ...this.#settings,
      },
      local: this.sides.local,
      remote: this.sides.remote,
      recordsDirectory: this.recordsDirectory,
      clock: { now: () => this.#nowMs, sleep: async () => undefined },
      logger: quietLogger,
    });
    return this.#engine;
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    await this.#folder.close();
  }

  #before(side: Side, operation: MemoryOperation, path: SyncPath): void {
    this.calls.push({ side, operation, path });
    this.onCall?.(side, operation, path);
    if (this.failAfter !== null && this.failAfter-- <= 0)
      throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
  }
}

/** Memory replica options of a server with hashes and file ids. */
export const CAPABLE_REMOTE: MemoryReplicaOptions = { identities: true, hashOf };
