import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from '@jest/globals';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunRequest, RunSummary } from '../../core/engine/pair-engine.ts';
import type { PairSettings } from '../../core/engine/pair-settings.ts';
import type { Direction } from '../../core/model/entry.ts';
import { type FerryError, toFerryError } from '../../core/model/errors.ts';
import type { Clock, Replica } from '../../core/ports.ts';
import { openFolderReplica } from '../../fs-adapter/folder/folder-replica.ts';
import { openWebdavReplica, type WebdavOptions } from '../../remotes/webdav/webdav-replica.ts';
import { listTree, type TreeListing } from './file-trees.ts';
import { quietLogger } from './quiet.ts';
import type { Fault } from './servers/wire/fault.ts';
import { type FaultyServer, faultyServer } from './servers/wire/faulty-server.ts';
import { temporaryDirectory } from './temporary.ts';

/** How one run ended. */
export interface Ended {
  readonly summary: RunSummary | null;
  readonly error: FerryError | null;
}

/** Which of the two trees. */
export type Place = 'local' | 'server';

const HOUR_MS = 3_600_000;

/** A folder that is kept in step with a companion server, over a wire on which anything may go wrong. */
export class WireWorld {
  readonly server: FaultyServer;
  readonly local: string;
  /** Every content that a path may ever have had; what else appears is a bad byte. */
  readonly #contents = new Map<string, Set<string>>();
  readonly #folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  readonly #options: WireOptions;
  #engine: PairEngine | null = null;
  #replicas: readonly Replica[] = [];
  #laterMs = 0;
  /** What was slept in all, in ms, without waiting. */
  sleptMs = 0;
  #around: readonly string[] = [];

  private constructor(
    server: FaultyServer,
    folder: Awaited<ReturnType<typeof temporaryDirectory>>,
    options: WireOptions,
  ) {
    this.server = server;
    this.#folder = folder;
    this.#options = options;
    this.local = join(folder.path, 'around', 'local');
  }

  static async open(options: WireOptions = {}): Promise<WireWorld> {
    const folder = await temporaryDirectory('ferry-wire');
    const world = new WireWorld(await faultyServer(), folder, options);
    world.server.givesFingerprints = options.fingerprints ?? false;
    world.server.takesBatches = options.batches ?? false;
    await mkdir(world.local, { recursive: true });
    return world;
  }

  /** Writes a file beside the client, as a program or another client would. */
  async write(place: Place, path: string, content: string | Buffer): Promise<void> {
    const absolute = join(this.#directory(place), path);
    await mkdir(dirname(absolute), { recursive: true });
    // A new file under the name, as real programs do: what the server reads at that moment stays whole.
    await writeFile(`${absolute}.new`, content);
    await rename(`${absolute}.new`, absolute);
    const bytes = Buffer.from(content);
    const hash = createHash('sha256').update(bytes).digest('hex');
    this.#know({ ...directoriesAbove(path), [path]: `${bytes.length} ${hash}` });
  }

  /** Renames a file beside the client. */
  async move(place: Place, from: string, to: string): Promise<void> {
    const content = await readFile(join(this.#directory(place), from));
    await rename(join(this.#directory(place), from), join(this.#directory(place), to));
    const hash = createHash('sha256').update(content).digest('hex');
    this.#know({ ...directoriesAbove(to), [to]: `${content.length} ${hash}` });
  }

  /** Runs once with something wrong, or with nothing; never throws. */
  async sync(fault: Fault | null = null, request: RunRequest = {}): Promise<Ended> {
    const engine = await this.#open();
    this.server.passed.length = 0;
    this.server.fault = fault;
    try {
      return { summary: await engine.run({ automatic: true, ...request }), error: null };
    } catch (error) {
      return { summary: null, error: toFerryError(error) };
    } finally {
      this.server.fault = null;
    }
  }

  /** Lets time pass, so that whatever waits is due. */
  later(ms = HOUR_MS): void {
    this.#laterMs += ms;
  }

  async list(place: Place): Promise<TreeListing> {
    const listed = await listTree(this.#directory(place));
    return Object.fromEntries(
      Object.entries(listed).filter(([path]) => !/(^|\/)\.ferry-tmp-/.test(path)),
    );
  }

  /** Takes both trees as they are for all that may ever be in them. */
  async remember(): Promise<void> {
    for (const place of ['local', 'server'] as const) this.#know(await this.list(place));
    this.#around = await namesAround(this.local);
  }

  /** Asserts that nothing was lost, nothing invented, nothing left half, and nothing is outside the root. */
  async expectUnharmed(
    before: Readonly<Record<Place, TreeListing>>,
    takenAway: readonly string[] = [],
  ): Promise<void> {
    for (const place of ['local', 'server'] as const) {
      const now = await this.list(place);
      const missing = Object.keys(before[place]).filter(
        (path) => now[path] === undefined && !takenAway.includes(path),
      );
      expect({ place, missing }).toEqual({ place, missing: [] });
      const bad = Object.entries(now).filter(
        ([path, content]) => this.#contents.get(path)?.has(content) !== true,
      );
      expect({ place, bad }).toEqual({ place, bad: [] });
    }
    expect(await namesAround(this.local)).toEqual(this.#around);
  }

  /** Returns both trees. */
  async both(): Promise<Readonly<Record<Place, TreeListing>>> {
    return { local: await this.list('local'), server: await this.list('server') };
  }

  /** Paths whose content went over the wire in the last run, sorted. */
  get transferred(): readonly string[] {
    const contents = this.server.passed.filter(
      ({ method, path, contentBytes }) =>
        (method === 'GET' || method === 'PUT') && path !== '' && contentBytes > 0,
    );
    return [...new Set(contents.map(({ path }) => finalName(path)))].sort();
  }

  /** Content bytes of one file that went over the wire in the last run. */
  bytesOf(path: string): number {
    return this.server.passed
      .filter((one) => one.path === path)
      .reduce((sum, { contentBytes }) => sum + contentBytes, 0);
  }

  async close(): Promise<void> {
    await this.restart();
    await this.server.close();
    await this.#folder.close();
  }

  /** Ends the client; the next run begins with a new one on the same records. */
  async restart(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
    for (const replica of this.#replicas) await replica.close();
    this.#replicas = [];
  }

  #know(listing: TreeListing): void {
    for (const [path, content] of Object.entries(listing)) {
      const known = this.#contents.get(path) ?? new Set();
      this.#contents.set(path, known.add(content));
    }
  }

  #directory(place: Place): string {
    return place === 'local' ? this.local : this.server.directory;
  }

  async #open(): Promise<PairEngine> {
    if (this.#engine !== null) return this.#engine;
    const clock: Clock = {
      now: () => Date.now() + this.#laterMs,
      sleep: async (ms) => {
        this.sleptMs += ms;
        this.#laterMs += ms;
      },
    };
    const common = { clock, logger: quietLogger };
    const local = await openFolderReplica({
      absolutePath: this.local,
      deviceName: 'laptop',
      ...common,
    });
    const address = { url: this.server.url, ownerId: 'wire', ...common };
    const { walks = false, webdav } = this.#options;
    const remote = await openWebdavReplica({ ...address, ...webdav, ...(await probeOf(walks)) });
    async function probeOf(isWalked: boolean): Promise<Partial<WebdavOptions>> {
      if (!isWalked) return {};
      const looked = await openWebdavReplica(address);
      await looked.close();
      return { probe: { ...looked.probe, companion: false, depthInfinity: false } };
    }
    this.#replicas = [local, remote];
    this.#engine = await createPairEngine({
      settings: {
        name: 'wire',
        direction: this.#options.direction ?? 'two-way',
        deletes: 'propagate',
        mirror: false,
        ignore: [],
        maxDeleteFraction: 0.25,
        trustTimes: false,
        deviceName: 'laptop',
        ...this.#options.settings,
      },
      local,
      remote,
      recordsDirectory: join(this.#folder.path, 'records'),
      ...common,
    });
    return this.#engine;
  }
}

export interface WireOptions {
  readonly direction?: Direction;
  readonly settings?: Partial<PairSettings>;
  readonly webdav?: Partial<WebdavOptions>;
  /** The tree is listed one directory after another instead of at once. */
  readonly walks?: boolean;
  /** The server says which of its listings have changed. */
  readonly fingerprints?: boolean;
  /** The server takes and gives many files in one request. */
  readonly batches?: boolean;
}

function directoriesAbove(path: string): TreeListing {
  const names = path.split('/').slice(0, -1);
  return Object.fromEntries(
    names.map((_, index) => [`${names.slice(0, index + 1).join('/')}/`, '']),
  );
}

/** An upload aside counts as one of the file that it becomes; its own name says nothing. */
function finalName(path: string): string {
  return path.replace(/[^/]*\.ferry-tmp-[^/]*/, '(aside)');
}

/** Everything beside the root: two levels up and down, by inode and name. */
async function namesAround(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (directory: string): Promise<void> => {
    for (const name of (await readdir(directory)).sort()) {
      const path = join(directory, name);
      if (path === root || name === 'records') continue;
      const stat = await lstat(path);
      found.push(`${stat.ino} ${path}`);
      if (stat.isDirectory()) await visit(path);
    }
  };
  await visit(dirname(dirname(root)));
  return found;
}

/** Returns content that nothing compresses or guesses. */
export function noise(sizeBytes: number): Buffer {
  return randomBytes(sizeBytes);
}
