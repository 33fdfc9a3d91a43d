import type { ContentHash, Entry, FileEntry, Side } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { nameOf, parentPath, type SyncPath } from '../model/path.ts';
import { type Problem, problemOf } from '../model/problem.ts';
import type { Observation } from '../observation.ts';
import type { ReplicaCapabilities } from '../ports.ts';
import type { ContentToken, SideNode, SideTree } from '../reconcile/plan.ts';
import { baseToken, type PairRecord, type RecordedSide } from '../records/record.ts';
import type { ObservedSide } from '../transfer/ledger.ts';

export interface ViewOptions {
  readonly side: Side;
  readonly recordsByPath: ReadonlyMap<SyncPath, PairRecord>;
  readonly ownCapabilities: ReplicaCapabilities;
  readonly otherCapabilities: ReplicaCapabilities;
  /** Contents looked at before, by path and version. */
  readonly knownHash: (path: SyncPath, version: string) => ContentHash | undefined;
  readonly ignoresAnnouncedHashes: boolean;
  /** Fingerprints of the side's complete listings. */
  readonly fingerprints: ReadonlyMap<SyncPath, string>;
  /** The side has a change feed. */
  readonly isFollowed?: boolean;
  /** Entries that the side holds as they are recorded, in directories that were not looked into. */
  readonly quietEntries: number;
}

/** One side as observed in this run: entries, what could not be seen, and the tree that reconcile works on. */
export class SideView implements ObservedSide {
  readonly side: Side;
  readonly entries = new Map<SyncPath, Entry>();
  readonly problems: Problem[] = [];
  readonly #options: ViewOptions;
  readonly #nodes = new Map<SyncPath, SideNode>();
  readonly #frozen = new Set<SyncPath>();
  readonly #byIdentity = new Map<string, PairRecord>();
  readonly #holdsIgnored = new Set<SyncPath>();
  readonly #ignoredIn = new Set<SyncPath>();

  constructor(options: ViewOptions) {
    this.side = options.side;
    this.#options = options;
    for (const record of options.recordsByPath.values()) {
      const identity = record[options.side].identity;
      if (identity !== undefined) this.#byIdentity.set(identity, record);
    }
  }

  get fingerprints(): ReadonlyMap<SyncPath, string> {
    return this.#options.fingerprints;
  }

  /** Tells whether what is known of the side's listings is as of a cursor of its change feed. */
  get isFollowed(): boolean {
    return this.#options.isFollowed ?? false;
  }

  /** Tells whether the side was seen to hold nothing at all. */
  get isEmpty(): boolean {
    const { quietEntries } = this.#options;
    return quietEntries === 0 && this.entries.size === 0 && this.#frozen.size === 0;
  }

  /** Tells whether something directly in the directory is ignored. */
  hasIgnoredIn(directory: SyncPath): boolean {
    return this.#ignoredIn.has(directory);
  }

  get tree(): SideTree {
    const foldsNames = !this.#options.ownCapabilities.caseSensitive;
    return { nodes: this.#nodes, frozen: this.#frozen, foldsNames };
  }

  tokenAt = (path: SyncPath): ContentToken | null | undefined => this.#nodes.get(path)?.content;

  /** Takes note of what was observed; call `finish` when all is in. */
  add(observations: readonly Observation[]): void {
    for (const observation of observations)
      if (observation.type === 'problem') this.freeze(observation.path, observation.error);
      else this.#addEntry(observation.entry);
  }

  noteIgnored(path: SyncPath): void {
    this.noteIgnoredIn(parentPath(path));
  }

  /** Takes note that a directory holds ignored entries, and so do those above it. */
  noteIgnoredIn(directory: SyncPath): void {
    this.#ignoredIn.add(directory);
    for (let above = directory; above !== '' && !this.#holdsIgnored.has(above); ) {
      this.#holdsIgnored.add(above);
      above = parentPath(above);
    }
  }

  /** Marks the directories that hold ignored entries. */
  finish(): void {
    for (const path of this.#holdsIgnored) {
      const node = this.#nodes.get(path);
      if (node) this.#nodes.set(path, { ...node, holdsIgnored: true });
    }
  }

  /** Takes a path and all below it out of this run, and says why. */
  freeze(path: SyncPath, error: FerryError | null): void {
    this.#frozen.add(path);
    if (error) this.problems.push(problemOf(error, path, this.side));
  }

  /** Sets the content of a file that was looked at. */
  setContent(path: SyncPath, token: ContentToken): void {
    const node = this.#nodes.get(path);
    if (node) this.#nodes.set(path, { ...node, content: token });
  }

  #addEntry(entry: Entry): void {
    const refusal = this.#refusal(entry);
    if (refusal) {
      this.freeze(entry.path, refusal);
      return;
    }
    this.entries.set(entry.path, entry);
    const record = this.#options.recordsByPath.get(entry.path);
    const content = this.#token(entry, record);
    this.#nodes.set(entry.path, {
      path: entry.path,
      kind: entry.kind,
      content,
      sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0,
      metadataChanged: this.#metadataChanged(entry, record),
      ...(entry.identity === undefined ? {} : { identity: entry.identity }),
      ...(entry.kind === 'file' && entry.isPlaceholder ? { isPlaceholder: true } : {}),
    });
  }

  /** Returns why the other side cannot hold the entry; null when it can. */
  #refusal(entry: Entry): FerryError | null {
    const { otherCapabilities, side } = this.#options;
    const { path } = entry;
    if (entry.kind === 'symlink') {
      if (!otherCapabilities.symlinks)
        return new FerryError(
          'KIND_NOT_SUPPORTED',
          `${path}: a symbolic link, which the ${otherSide(side)} side cannot keep; it is left alone`,
          { path },
        );
      if (!staysInside(path, entry.target))
        return new FerryError(
          'KIND_NOT_SUPPORTED',
          `${path}: a symbolic link that leads out of the folder (${entry.target}); it is left alone`,
          { path },
        );
    }
    const bytes = Buffer.byteLength(nameOf(path));
    if (bytes > otherCapabilities.maxNameBytes)
      return new FerryError(
        'NAME_NOT_ALLOWED',
        `${path}: its name has ${bytes} bytes, the ${otherSide(side)} side takes ${otherCapabilities.maxNameBytes}; rename it`,
        { path },
      );
    return null;
  }

  #token(entry: Entry, record: PairRecord | undefined): ContentToken | null {
    if (entry.kind === 'directory') return '';
    if (entry.kind === 'symlink') return `link:${entry.target}`;
    const { side, knownHash, ignoresAnnouncedHashes } = this.#options;
    // A server may give another content the ETag of the one before; its size at least shows some of that.
    const isAsRecorded =
      record?.kind === 'file' &&
      record[side].version === entry.version &&
      record.sizeBytes === entry.sizeBytes;
    if (isAsRecorded) return baseToken(record);
    const moved = entry.identity === undefined ? undefined : this.#byIdentity.get(entry.identity);
    if (moved?.kind === 'file' && entry.isPlaceholder) return baseToken(moved);
    if (entry.hash && !ignoresAnnouncedHashes) return entry.hash;
    const known = knownHash(entry.path, entry.version);
    if (known) return known;
    if (moved === undefined || moved === record || moved.kind !== 'file') return null;
    return isSameState(moved[side], moved.sizeBytes, entry) ? baseToken(moved) : null;
  }

  /** Compares with the record of the file itself, wherever it was; else with the one at its place. */
  #metadataChanged(entry: Entry, atPlace: PairRecord | undefined): boolean {
    const { identity } = entry;
    const record = (identity === undefined ? undefined : this.#byIdentity.get(identity)) ?? atPlace;
    if (entry.kind !== 'file' || record?.kind !== 'file') return false;
    const recorded = record[this.#options.side];
    if (recorded.version === entry.version) return false;
    return recorded.mtimeNs !== entry.mtimeNs || recorded.mode !== entry.mode;
  }
}

/**
 * Tells whether a file that was renamed is in the state that was recorded. A time in whole seconds is no proof: an edit
 * within the same second leaves it as it was.
 */
function isSameState(recorded: RecordedSide, sizeBytes: number, entry: FileEntry): boolean {
  if (recorded.version === entry.version) return true;
  const { mtimeNs } = entry;
  const isExact = mtimeNs !== undefined && mtimeNs % 1_000_000_000n !== 0n;
  return isExact && recorded.mtimeNs === mtimeNs && sizeBytes === entry.sizeBytes;
}

/** Tells whether a relative link target, seen from the link's directory, stays inside the root. */
export function staysInside(path: SyncPath, target: string): boolean {
  if (target.startsWith('/') || target.includes('\0')) return false;
  let depth = path.split('/').length - 1;
  for (const segment of target.split('/')) {
    if (segment === '..') depth--;
    else if (segment !== '' && segment !== '.') depth++;
    if (depth < 0) return false;
  }
  return true;
}
