import type { Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { childPath, ROOT, type SyncPath } from '../model/path.ts';
import { DigestSum, hashOfRow, type RecordsDigest } from './digest.ts';
import type { StoreOperation } from './store.ts';

/** A listing of a directory on one side that shows exactly what is recorded there, neither more nor less. */
export interface KnownListing {
  /** What the replica calls that listing; it gives the same only when nothing in it has changed. */
  readonly fingerprint: string;
  /** The listing also holds ignored entries, which are not recorded. */
  readonly holdsIgnored: boolean;
}

/** What is kept of one recorded directory as a whole, so that the records in it are read only when it has changed. */
export interface DirectorySummary {
  readonly id: number;
  readonly parentId: number;
  readonly name: string;
  /** Records directly in it. */
  readonly entries: number;
  readonly files: number;
  /** Listings that are known to show what is recorded; null where the directory must be looked at. */
  readonly known: Readonly<Record<Side, KnownListing | null>>;
}

/** Beginning of the keys of all summaries. */
export const DIRECTORY_PREFIX = 'd!';

/** In place of a parent's id, in the row of a directory that hangs on nothing. */
const NO_PARENT = -1;

interface Directory extends DirectorySummary {
  parentId: number;
  name: string;
  entries: number;
  files: number;
  known: Record<Side, KnownListing | null>;
  /** Number of the commit in which its row was written last. */
  stamp: number;
  readonly sum: DigestSum;
  readonly below: Map<string, Directory>;
  /** False from when its own record is removed; what is recorded in it hangs on nothing then. */
  attached: boolean;
}

type EncodedListing = readonly [fingerprint: string, holdsIgnored: 0 | 1] | 0;

/** All recorded directories of a pair, in memory while it is open: about as many bytes as their names and 200. */
export class DirectoryTable {
  readonly #byId = new Map<number, Directory>();
  readonly #changed = new Set<number>();
  readonly #detached = new Set<number>();
  readonly #total = new DigestSum();
  #files = 0;
  #stamps = 0;

  constructor() {
    this.#add(0, 0, '');
  }

  get(id: number): DirectorySummary | undefined {
    return this.#byId.get(id);
  }

  /** Number of recorded directories, without the root. */
  get size(): number {
    return this.#byId.size - 1;
  }

  all(): Iterable<DirectorySummary> {
    return this.#byId.values();
  }

  /** Returns the recorded directories in the directory `id`. */
  *below(id: number): Iterable<DirectorySummary> {
    for (const directory of this.#byId.get(id)?.below.values() ?? [])
      if (directory.attached) yield directory;
  }

  /** Yields every directory that hangs on the root, by path, each before those in it. */
  *walk(): Iterable<readonly [SyncPath, DirectorySummary]> {
    const waiting: (readonly [SyncPath, number])[] = [[ROOT, 0]];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [path, id] = next;
      const directory = this.#byId.get(id);
      if (directory) yield [path, directory];
      for (const below of this.below(id)) waiting.push([childPath(path, below.name), below.id]);
    }
  }

  /** Returns the summary of the recorded directory at `path`. */
  at(path: SyncPath): DirectorySummary | undefined {
    let directory = this.#byId.get(0);
    if (path === ROOT) return directory;
    for (const name of path.split('/')) directory = directory?.below.get(name);
    return directory;
  }

  /** Returns where the directory is recorded; undefined when it hangs on nothing. */
  pathOf(id: number): SyncPath | undefined {
    if (id === 0) return ROOT;
    const directory = this.#byId.get(id);
    const above = directory?.attached ? this.pathOf(directory.parentId) : undefined;
    return directory && above !== undefined ? childPath(above, directory.name) : undefined;
  }

  /** Notes where the directory of a new or changed record is. */
  attach(id: number, parentId: number, name: string): void {
    const known = this.#byId.get(id);
    const isMoved = known !== undefined && (known.parentId !== parentId || known.name !== name);
    const directory = known ?? this.#add(id, parentId, name);
    this.#leaveParent(directory);
    directory.parentId = parentId;
    directory.name = name;
    directory.attached = true;
    this.#detached.delete(id);
    this.#byId.get(parentId)?.below.set(name, directory);
    this.#changed.add(id);
    // What is ignored goes by the path: at another one a listing may mean something else.
    if (isMoved) this.#forgetListings(directory);
  }

  /** Notes that the directory's own record is removed; what is recorded in it is the caller's to remove. */
  detach(id: number): void {
    const directory = this.#byId.get(id);
    if (!directory) return;
    this.#leaveParent(directory);
    directory.attached = false;
    this.#detached.add(id);
    this.#changed.add(id);
  }

  /** Returns the directories that hang on nothing. */
  detached(): readonly number[] {
    return [...this.#detached];
  }

  /** Counts a row in or out of the directory that holds it; what was known of its listings is known no more. */
  count(parentId: number, row: { key: string; value: string; isFile: boolean }, by: 1 | -1): void {
    const directory = this.#byId.get(parentId) ?? this.#orphaned(parentId);
    directory.entries += by;
    if (row.isFile) {
      directory.files += by;
      this.#files += by;
    }
    const hash = hashOfRow(row.key, row.value);
    directory.sum.addRow(hash, by);
    this.#total.addRow(hash, by);
    directory.known = { local: null, remote: null };
    this.#changed.add(parentId);
  }

  digestOf(id: number): RecordsDigest {
    return this.#byId.get(id)?.sum.digest ?? new DigestSum().digest;
  }

  /** Count and digest of the records of all directories. */
  get digest(): RecordsDigest {
    return this.#total.digest;
  }

  get files(): number {
    return this.#files;
  }

  /** Sum of the numbers of the commits in which the rows were written last. */
  get stamps(): number {
    return this.#stamps;
  }

  setKnown(id: number, side: Side, listing: KnownListing | null): void {
    const directory = this.#byId.get(id);
    if (!directory || isSame(directory.known[side], listing)) return;
    directory.known = { ...directory.known, [side]: listing };
    this.#changed.add(id);
  }

  /** Forgets all listings, as when other names are ignored from now on. */
  forgetListings(): void {
    for (const { id } of this.#byId.values()) {
      this.setKnown(id, 'local', null);
      this.setKnown(id, 'remote', null);
    }
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** Returns the rows of what has changed since the last call, to be written in the commit of that number. */
  takeChanges(sequence: number): readonly StoreOperation[] {
    const operations: StoreOperation[] = [];
    for (const id of this.#changed) {
      const key = keyOf(id);
      const directory = this.#byId.get(id);
      const isGone = !directory || (!directory.attached && directory.entries === 0);
      this.#stamps += (isGone ? 0 : sequence) - (directory?.stamp ?? 0);
      if (directory) directory.stamp = sequence;
      if (isGone) {
        this.#byId.delete(id);
        this.#detached.delete(id);
      }
      operations.push(
        isGone ? { type: 'del', key } : { type: 'put', key, value: encode(directory) },
      );
    }
    this.#changed.clear();
    return operations;
  }

  /** Takes in a row of the store; call `connect` after the last. @throws RECORD_CORRUPT */
  read(key: string, value: string): void {
    try {
      const id = Number.parseInt(key.slice(DIRECTORY_PREFIX.length), 36);
      const [parentId, name, entries, files, sum, local, remote, stamp = 0] = JSON.parse(value);
      const directory = this.#byId.get(id) ?? this.#add(id, parentId, name);
      Object.assign(directory, { entries, files, stamp });
      this.#stamps += stamp;
      directory.sum.restore({ count: entries, sum });
      this.#total.addSum(directory.sum);
      this.#files += files;
      directory.known = { local: decodeListing(local), remote: decodeListing(remote) };
    } catch (error) {
      throw new FerryError('RECORD_CORRUPT', `unreadable row ${JSON.stringify(key)}`, {
        cause: error,
      });
    }
  }

  /** Hangs every directory that was read below its parent. */
  connect(): void {
    for (const directory of this.#byId.values()) {
      const parent = this.#byId.get(directory.parentId);
      if (directory.id === 0) continue;
      if (parent) parent.below.set(directory.name, directory);
      else this.#detached.add(directory.id);
      directory.attached = parent !== undefined;
    }
    this.#changed.clear();
  }

  #add(id: number, parentId: number, name: string): Directory {
    const directory: Directory = {
      id,
      parentId,
      name,
      entries: 0,
      files: 0,
      known: { local: null, remote: null },
      stamp: 0,
      sum: new DigestSum(),
      below: new Map(),
      attached: true,
    };
    this.#byId.set(id, directory);
    return directory;
  }

  /** A record whose directory has none, as rows of earlier versions may be; to be dropped. */
  #orphaned(id: number): Directory {
    const directory = this.#add(id, 0, '');
    directory.attached = false;
    this.#detached.add(id);
    return directory;
  }

  #forgetListings(directory: Directory): void {
    directory.known = { local: null, remote: null };
    this.#changed.add(directory.id);
    for (const below of directory.below.values()) this.#forgetListings(below);
  }

  #leaveParent(directory: Directory): void {
    const siblings = this.#byId.get(directory.parentId)?.below;
    if (siblings?.get(directory.name) === directory) siblings.delete(directory.name);
  }
}

function keyOf(id: number): string {
  return DIRECTORY_PREFIX + id.toString(36);
}

function encode(directory: Directory): string {
  const { parentId, name, entries, files, sum, known } = directory;
  return JSON.stringify([
    directory.attached ? parentId : NO_PARENT,
    name,
    entries,
    files,
    sum.digest.sum,
    encodeListing(known.local),
    encodeListing(known.remote),
    directory.stamp,
  ]);
}

function encodeListing(listing: KnownListing | null): EncodedListing {
  return listing === null ? 0 : [listing.fingerprint, listing.holdsIgnored ? 1 : 0];
}

function decodeListing(encoded: EncodedListing): KnownListing | null {
  if (encoded === 0) return null;
  return { fingerprint: encoded[0], holdsIgnored: encoded[1] === 1 };
}

function isSame(one: KnownListing | null, other: KnownListing | null): boolean {
  return one?.fingerprint === other?.fingerprint && one?.holdsIgnored === other?.holdsIgnored;
}
