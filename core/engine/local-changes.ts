import type { Entry, EntryKind, Side, Version } from '../model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../model/errors.ts';
import { parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Displacement, Replica, StoredVersion, WriteItem } from '../ports.ts';
import type { Operation, PlannedNode } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { RunRecorder } from './run-recorder.ts';

/** One change of the local side, made or (in a dry run) only told. */
export interface ChangeStep {
  readonly action: 'restore' | 'move' | 'remove' | 'make-directory';
  readonly path: SyncPath;
  /** Of a move. */
  readonly from?: SyncPath;
  /** Of a restore: which version, from which side's version store. */
  readonly version?: string;
  readonly side?: Side;
  readonly sizeBytes?: number;
}

/** What was left as it is, and why. */
export interface RefusedChange {
  readonly path: SyncPath;
  readonly reason: string;
}

/** What a restore or an undo did. */
export interface ChangeReport {
  readonly dryRun: boolean;
  /** Its own number in the run log; null when nothing was done. */
  readonly run: number | null;
  /** Of an undo: the run that it takes back. */
  readonly undoOf?: number;
  readonly steps: readonly ChangeStep[];
  readonly refused: readonly RefusedChange[];
}

/** A kept version that goes to a path. */
export interface Restoration {
  readonly version: StoredVersion;
  readonly side: Side;
  readonly path: SyncPath;
  /** What must be there. */
  readonly expected: Version | 'absent';
  /** What is there has not reached the other side. */
  readonly isOnlyCopy: boolean;
}

/** An entry on its way to another place. */
export interface Mover {
  readonly kind: EntryKind;
  /** Where it was found, and where it goes. */
  readonly origin: SyncPath;
  readonly target: SyncPath;
  /** Where it is now, and as which version: a rename changes it. */
  at: SyncPath;
  version: Version;
}

export interface LocalChangesOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly recorder: RunRecorder;
  readonly cause: Displacement['cause'];
  /** Says in the run log why it was done. */
  readonly rule: string;
  readonly signal: AbortSignal;
  readonly onProgress: (filesDone: number) => void;
}

/**
 * Changes the local side on the user's behalf, between two runs: nothing is overwritten without being kept, every change
 * is written into the run log, and what cannot be done is noted and stops nothing else.
 */
export class LocalChanges {
  readonly steps: ChangeStep[] = [];
  readonly refused: RefusedChange[] = [];
  readonly #options: LocalChangesOptions;
  readonly #local: Replica;
  /** What was moved, by where it is now: what is written there continues it. */
  readonly #moved = new Map<SyncPath, PlannedNode>();
  #key = 0;

  constructor(options: LocalChangesOptions) {
    this.#options = options;
    this.#local = options.replicas.local;
    options.recorder.beginPass();
  }

  refuse(path: SyncPath, reason: string): void {
    this.refused.push({ path, reason });
  }

  /** Removes what is at the path, if it still is as expected. */
  async remove(path: SyncPath, kind: EntryKind, version: Version): Promise<void> {
    const node = await this.#node(kind, path, null);
    await this.#attempt(path, async () => {
      await this.#local.remove(path, {
        expected: kind === 'directory' ? 'directory' : version,
        displacement: this.#displacement(node, false),
        signal: this.#options.signal,
      });
      this.#done({ op: 'remove', key: node.key, path, kind }, node, undefined);
      this.steps.push({ action: 'remove', path });
    });
  }

  async makeDirectory(path: SyncPath): Promise<void> {
    await this.#attempt(path, () => this.#ensureDirectory(path));
  }

  /** Renames an entry to its place. Returns whether it is there now. */
  async move(mover: Mover): Promise<boolean> {
    const { kind, at, origin, target } = mover;
    const node = await this.#node(kind, origin, target);
    return this.#attempt(origin, async () => {
      await this.#ensureDirectory(parentPath(target));
      const entry = await this.#rename(mover, target);
      if (at !== origin) this.#options.records.dropParked(at);
      this.#done({ op: 'move', key: node.key, from: origin, to: target }, node, entry);
      this.#moved.set(target, node);
      this.steps.push({ action: 'move', path: target, from: origin });
    });
  }

  /** Puts an entry aside under a temporary name; an interruption is mended when the next run begins. */
  async park(mover: Mover, to: SyncPath): Promise<boolean> {
    const { records } = this.#options;
    const { origin: from, target } = mover;
    return this.#attempt(from, async () => {
      records.putParked({ side: 'local', parked: to, from, to: target });
      await records.commit();
      await this.#rename(mover, to);
    });
  }

  async #rename(mover: Mover, to: SyncPath): Promise<Entry> {
    const expected = mover.kind === 'directory' ? 'directory' : mover.version;
    const { signal } = this.#options;
    const entry = await this.#local.move(mover.at, to, { expected, signal });
    mover.at = to;
    mover.version = entry.version;
    return entry;
  }

  /** Writes kept versions to their paths; directories above them are made. */
  async restore(restorations: readonly Restoration[]): Promise<void> {
    const { signal } = this.#options;
    const started = new Map<WriteItem, { one: Restoration; node: PlannedNode }>();
    let files = 0;
    const links: Restoration[] = [];
    const changes = this;
    async function* items(): AsyncIterable<WriteItem> {
      for (const one of restorations) {
        throwIfAborted(signal);
        if (one.version.kind === 'symlink') {
          links.push(one);
          continue;
        }
        const node = await changes.#nodeAt(one, 'file');
        const isReady = await changes.#attempt(one.path, () =>
          changes.#ensureDirectory(parentPath(one.path)),
        );
        if (!isReady) continue;
        const item = changes.#item(one, node);
        started.set(item, { one, node });
        yield item;
      }
    }
    for await (const results of this.#local.writeMany(items(), { signal }))
      for (const result of results) {
        const known = started.get(result.item);
        started.delete(result.item);
        if (!known) continue;
        const { one, node } = known;
        if ('error' in result) this.#refuseError(one.path, result.error);
        else this.#restored(one, node, result.entry, 'write');
        this.#options.onProgress(++files);
      }
    for (const link of links) await this.#restoreLink(link);
  }

  #item(one: Restoration, node: PlannedNode): WriteItem {
    const { expected, isOnlyCopy, path, side, version } = one;
    const { replicas } = this.#options;
    return {
      path,
      expected,
      sizeBytes: version.sizeBytes,
      ...(version.mtimeNs === undefined ? {} : { mtimeNs: version.mtimeNs }),
      sourceVersion: version.id as Version,
      ...(expected === 'absent' ? {} : { displacement: this.#displacement(node, isOnlyCopy) }),
      open: async (signal) => {
        const shelf = replicas[side].versions;
        if (!shelf) throw new FerryError('LOCAL_NOT_FOUND', `the ${side} side keeps no versions`);
        return (await shelf.read(version, signal ? { signal } : {})).stream;
      },
    };
  }

  async #restoreLink(one: Restoration): Promise<void> {
    const { expected, isOnlyCopy, path, version } = one;
    const { signal } = this.#options;
    const node = await this.#nodeAt(one, 'symlink');
    await this.#attempt(path, async () => {
      await this.#ensureDirectory(parentPath(path));
      const displacement = this.#displacement(node, isOnlyCopy);
      if (expected !== 'absent') await this.#local.remove(path, { expected, displacement, signal });
      const entry = await this.#local.makeLink(path, version.target ?? '', { signal });
      this.#restored(one, node, entry, 'make-link');
    });
  }

  #restored(
    { path, side, version }: Restoration,
    node: PlannedNode,
    entry: Entry,
    op: 'write' | 'make-link',
  ): void {
    this.#done({ op, key: node.key, path }, node, entry);
    const { id, sizeBytes } = version;
    this.steps.push({ action: 'restore', path, version: id, side, sizeBytes });
  }

  async #ensureDirectory(path: SyncPath): Promise<void> {
    if (path === ROOT) return;
    const found = await this.#local.stat(path);
    if (found?.kind === 'directory') return;
    if (found) throw new FerryError('CHANGED', `${path} is no directory now; move it away first`);
    await this.#ensureDirectory(parentPath(path));
    const node = await this.#node('directory', null, path);
    const { signal } = this.#options;
    const entry = await this.#local.makeDirectory(path, { signal });
    this.#done({ op: 'make-directory', key: node.key, path }, node, entry);
    this.steps.push({ action: 'make-directory', path });
  }

  #displacement(node: PlannedNode, isOnlyCopy: boolean): Displacement {
    const { cause, recorder } = this.#options;
    return { ...recorder.displacementOf('local', node, true), cause, isOnlyCopy };
  }

  async #attempt(path: SyncPath, work: () => Promise<void>): Promise<boolean> {
    throwIfAborted(this.#options.signal);
    try {
      await work();
      return true;
    } catch (caught) {
      this.#refuseError(path, toFerryError(caught, path));
      return false;
    }
  }

  #refuseError(path: SyncPath, error: FerryError): void {
    if (error.code === 'ABORTED') throw error;
    this.refuse(
      path,
      error.code === 'CHANGED' ? `changed meanwhile: ${error.message}` : error.message,
    );
  }

  #done(operation: Operation, node: PlannedNode, entry: Entry | undefined): void {
    this.#options.recorder.done(operation, 'local', node, entry);
  }

  async #nodeAt({ expected, path }: Restoration, kind: EntryKind): Promise<PlannedNode> {
    return this.#moved.get(path) ?? this.#node(kind, expected === 'absent' ? null : path, path);
  }

  async #node(kind: EntryKind, from: SyncPath | null, to: SyncPath | null): Promise<PlannedNode> {
    const place = { from, to };
    const { records, rule } = this.#options;
    return {
      key: ++this.#key,
      baseId: (await records.find(from ?? to ?? ROOT))?.id ?? null,
      kind,
      local: place,
      remote: place,
      content: 'none',
      metadata: 'none',
      record: 'keep',
      adopts: false,
      reason: { local: 'none', remote: 'none', rule },
    };
  }
}
