import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { nameOf, parentPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Content } from '../../core/ports.ts';
import { DriveCache, type DriveCacheOptions } from '../../fs-adapter/cache/drive-cache.ts';
import { ROOT_ID } from '../../fs-adapter/cache/drive-node.ts';
import type { DriveTree, Extent } from '../../fs-adapter/cache/drive-tree.ts';
import type { TreeKind } from '../../fs-adapter/mount/shown-tree.ts';
import { QUIET } from './drive-on-disk.ts';
import { temporaryDirectory } from './temporary.ts';

type Scratch = Awaited<ReturnType<typeof temporaryDirectory>>;

/** A drive's tree and cache, not mounted, on a scratch directory, with a pretended other side. */
export class CachedTree {
  readonly #folder: Scratch;
  readonly #kind: TreeKind;
  readonly #options: Partial<DriveCacheOptions>;
  /** What each version of the other side holds. */
  readonly remote = new Map<string, Buffer>();
  /** Parts that were fetched, by version. */
  readonly fetched: string[] = [];
  bytesFetched = 0;
  isOffline = false;
  /** How far the clock is ahead of this machine's. */
  aheadMs = 0;
  readonly #clock: Clock = { now: () => Date.now() + this.aheadMs, sleep: (ms) => sleep(ms) };
  #tree: DriveTree | null = null;
  #cache: DriveCache | null = null;

  private constructor(folder: Scratch, kind: TreeKind, options: Partial<DriveCacheOptions>) {
    this.#folder = folder;
    this.#kind = kind;
    this.#options = options;
  }

  static async open(kind: TreeKind, options: Partial<DriveCacheOptions> = {}): Promise<CachedTree> {
    const made = new CachedTree(await temporaryDirectory('ferry-cached'), kind, options);
    await made.#open();
    return made;
  }

  get tree(): DriveTree {
    if (this.#tree === null) throw new Error('the tree is closed');
    return this.#tree;
  }

  get cache(): DriveCache {
    if (this.#cache === null) throw new Error('the cache is closed');
    return this.#cache;
  }

  /** Puts a placeholder into the tree, or gives a file there another version. */
  arrive(path: string, content: Buffer): number {
    const version = `v${this.remote.size}`;
    this.remote.set(version, content);
    const at = path as SyncPath;
    const found = this.tree.find(at);
    const common = {
      sizeBytes: content.length,
      source: version as Version,
      hash: null,
      staged: null,
    };
    if (found !== null) return this.tree.replace(found.id, found.counter, common).id;
    const name = nameOf(at);
    return this.tree.insert(this.directory(parentPath(at)), { kind: 'file', name, ...common }).id;
  }

  /** Returns the id of a directory, which is made if it is missing. */
  directory(path: string): number {
    if (path === ROOT) return ROOT_ID;
    const found = this.tree.find(path as SyncPath);
    if (found !== null) return found.id;
    const parent = this.directory(parentPath(path as SyncPath));
    const name = nameOf(path as SyncPath);
    return this.tree.insert(parent, { kind: 'directory', name, mode: 0o755 }).id;
  }

  /** Tells which of the files are here as a whole. */
  here(...paths: readonly string[]): readonly string[] {
    return paths.filter((path) => {
      const entry = this.tree.find(path as SyncPath);
      return entry?.kind === 'file' && entry.state !== 'placeholder';
    });
  }

  /** Resolves when `isSo` holds. */
  async until(isSo: () => boolean): Promise<void> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      if (isSo()) return;
      await sleep(5);
    }
    throw new Error('it does not come to that');
  }

  get stateDirectory(): string {
    return join(this.#folder.path, 'state');
  }

  /** Closes it and opens it again; `between` may do what happens to it meanwhile. */
  async restart(between?: () => Promise<void>): Promise<void> {
    await this.#close();
    await between?.();
    await this.#open();
  }

  async close(): Promise<void> {
    await this.#close();
    await this.#folder.close();
  }

  async #open(): Promise<void> {
    const { stateDirectory } = this;
    const { tree } = await this.#kind.open({
      stateDirectory,
      readOnly: false,
      allowSymlinks: true,
      stallMs: 10_000,
      need: (request) => this.cache.need(request),
      clock: this.#clock,
      logger: QUIET,
    });
    this.#tree = tree;
    this.#cache = new DriveCache({
      tree,
      fetch: (path, version, { range }) => this.#fetch(path, version, range),
      limits: {},
      directory: stateDirectory,
      stallMs: 5_000,
      onOutdated: () => {},
      clock: this.#clock,
      logger: QUIET,
      ...this.#options,
    });
    await this.#cache.start();
  }

  async #close(): Promise<void> {
    await this.#cache?.close();
    await this.#tree?.close();
    this.#tree = null;
    this.#cache = null;
  }

  async #fetch(path: string, version: Version, range: Extent | undefined): Promise<Content> {
    if (this.isOffline) throw new FerryError('REMOTE_UNREACHABLE', 'offline');
    const content = this.remote.get(version);
    if (content === undefined) throw new FerryError('CHANGED', `${path}: gone`, { path });
    this.fetched.push(path);
    const { offset, length } = range ?? { offset: 0, length: content.length };
    this.bytesFetched += length;
    async function* stream(bytes: Buffer): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
    }
    return { sizeBytes: content.length, stream: stream(content.subarray(offset, offset + length)) };
  }
}
