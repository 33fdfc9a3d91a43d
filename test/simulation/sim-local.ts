import { conflictCopyName } from '../../core/model/conflict-name.ts';
import type { Entry, FileEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { isAtOrBelow, nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import type {
  ReplicaCapabilities,
  RootIdentity,
  WriteItem,
  WriteResult,
} from '../../core/ports.ts';
import type { Audit } from './audit.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { changed, type Expected, SimReplica } from './sim-replica.ts';
import { type Inode, Tree } from './tree.ts';

/** Names copies of edits that slipped in, other than the copies that the core makes. */
export const SLIP_DEVICE = 'slip';

interface KeptVersion {
  readonly node: Inode;
  readonly path: SyncPath;
  readonly text: string;
}

interface StageNote {
  readonly path: SyncPath;
  readonly ours: Inode;
  readonly text: string;
  readonly expected: Version | 'absent';
  isDurable: boolean;
}

/** A disk with a folder on it: what survives a process, and of that what survives the power. */
export class SimDisk {
  readonly tree: Tree;
  /** Staged files and the version store: beside the folder's names, on the same disk. */
  readonly stage: Inode;
  readonly versions: Inode;
  /** What each staged file is for; durable before anything is published. */
  readonly journal = new Map<string, StageNote>();
  /** Versions that are to be looked at once more. */
  displaced: KeptVersion[] = [];
  #lastName = 0;

  constructor(nowMs: () => number) {
    this.tree = new Tree(nowMs, true);
    this.stage = this.tree.make('directory');
    this.versions = this.tree.make('directory');
  }

  /** Takes back what was not durable, and of the stage what its journal did not say durably. */
  losePower(random: Random, ordersNames: boolean): void {
    this.tree.losePower(random, ordersNames);
    for (const [name, note] of this.journal) {
      if (note.isDurable) continue;
      this.journal.delete(name);
      this.stage.children.delete(name);
    }
  }

  /** Makes staged contents durable, and what is noted about them. */
  syncStage(): void {
    this.tree.syncData([...this.stage.children.values()]);
    for (const note of this.journal.values()) note.isDurable = true;
  }

  newName(): string {
    this.#lastName++;
    return `${this.#lastName}`;
  }
}

export interface SimLocalOptions {
  readonly disk: SimDisk;
  readonly scheduler: Scheduler;
  readonly audit: Audit;
  readonly lanes: number;
}

const CAPABILITIES: ReplicaCapabilities = {
  contentHashes: false,
  identities: true,
  symlinks: true,
  modes: true,
  mtimePrecisionNs: 1n,
  conditionalWrites: 'atomic',
  placeholders: false,
  caseSensitive: true,
  maxNameBytes: 255,
};

/** Returns the folder replica's behaviour on a simulated disk, step by step as `fs-adapter/folder` does it. */
export function openSimLocal(options: SimLocalOptions): SimReplica {
  return new SimLocal(options);
}

class SimLocal extends SimReplica {
  readonly #disk: SimDisk;

  constructor({ disk, scheduler, audit, lanes }: SimLocalOptions) {
    super({ side: 'local', tree: disk.tree, scheduler, audit, capabilities: CAPABILITIES, lanes });
    this.#disk = disk;
  }

  protected get root(): Inode {
    return this.tree.root;
  }

  protected versionOf(node: Inode): Version {
    return localVersion(node);
  }

  async identify(): Promise<RootIdentity> {
    return this.step('identify', () => ({ id: 'marker' }));
  }

  override async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    throwIfAborted(options.signal);
    await this.step('tidy', () => this.#tidy());
    yield* super.observe(options);
  }

  async flush(): Promise<void> {
    if (!this.tree.isSynced) await this.step('flush', () => this.tree.sync());
  }

  async move(from: SyncPath, to: SyncPath, options: Expected): Promise<Entry> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'move', from, options.expected);
    this.audit.change(this.side, 'move to', to);
    if (from !== to && isAtOrBelow(to, from))
      throw new FerryError('NAME_NOT_ALLOWED', `${from} cannot be moved into itself`, { path: to });
    const before = await this.step(`check ${from}`, () =>
      contentState(this.expectNode(from, options.expected)),
    );
    return this.step(`rename ${from} -> ${to}`, () => {
      const node = this.nodeAt(from);
      const source = this.tree.directoryOf(from);
      if (node === undefined || source === undefined) throw changed(from, 'it is gone');
      this.tree.rename(source, nameOf(from), this.expectAbsent(to), nameOf(to));
      const entry = this.entryOf(to, node);
      if (node.kind === 'directory') return entry;
      // The state from before: an edit that slipped in must not pass for what was expected.
      const version = `${before}${node.change}` as Version;
      this.audit.report(this.side, version);
      return { ...entry, version };
    });
  }

  async remove(path: SyncPath, options: Expected): Promise<void> {
    throwIfAborted(options.signal);
    const { expected } = options;
    this.audit.change(this.side, 'remove', path, expected);
    await this.step(`check ${path}`, () => this.expectNode(path, expected));
    const name = nameOf(path);
    if (expected === 'directory')
      return this.step(`rmdir ${path}`, () => {
        const node = this.expectNode(path, expected);
        if (node.children.size > 0)
          throw new FerryError('NOT_EMPTY', `${path} is not empty`, { path });
        this.tree.unlink(this.tree.directoryOf(path) as Inode, name);
      });
    const stored = this.#disk.newName();
    const node = await this.step(`put away ${path}`, () => {
      const directory = this.tree.directoryOf(path);
      const found = directory?.children.get(name);
      if (!directory || !found) throw changed(path, 'it is gone');
      this.tree.rename(directory, name, this.#disk.versions, stored);
      return found;
    });
    if (isSameContent(node, expected)) {
      this.#disk.displaced.push({ node, path, text: node.text });
      return;
    }
    await this.step(`put back ${path}`, () => {
      const directory = this.tree.directoryOf(path);
      if (directory && !directory.children.has(name))
        this.tree.rename(this.#disk.versions, stored, directory, name);
      else this.#giveBack(this.#disk.versions, stored, path);
    });
    throw changed(path, 'it was changed in the moment it was to be removed');
  }

  protected async commit(
    group: readonly { readonly item: WriteItem; readonly text: string }[],
  ): Promise<readonly WriteResult[]> {
    let staged: readonly string[];
    try {
      staged = await this.step(`stage ${group.length}`, () =>
        group.map(({ item, text }) => this.#stage(item, text)),
      );
      await this.step('sync contents', () => this.#disk.syncStage());
    } catch (error) {
      return group.map(({ item }) => ({ item, error: toFerryError(error, item.path) }));
    }
    const results = await Promise.all(
      group.map(async ({ item, text }, index): Promise<WriteResult> => {
        try {
          const entry = await this.#publish(item, staged[index] as string);
          this.audit.wrote(this.side, text);
          return { item, entry };
        } catch (error) {
          return { item, error: toFerryError(error, item.path) };
        }
      }),
    );
    try {
      await this.step('sync names', () => this.tree.sync());
      return results;
    } catch (error) {
      return group.map(({ item }) => ({ item, error: toFerryError(error, item.path) }));
    }
  }

  #stage(item: WriteItem, text: string): string {
    const node = this.tree.make('file', text);
    if (item.mtimeNs !== undefined) node.mtimeNs = item.mtimeNs;
    const current = this.nodeAt(item.path);
    node.mode = (item.mode ?? current?.mode ?? 0o644) & 0o777;
    this.tree.touchData(node, true);
    const name = this.#disk.newName();
    this.#disk.stage.children.set(name, node);
    const { path, expected } = item;
    this.#disk.journal.set(name, { path, ours: node, text, expected, isDurable: false });
    return name;
  }

  /** What is reported is what was staged: an edit that comes right after it must not pass for it. */
  async #publish(item: WriteItem, staged: string): Promise<FileEntry> {
    const { stage, journal } = this.#disk;
    const node = stage.children.get(staged);
    const note = journal.get(staged);
    if (node === undefined || note === undefined) throw changed(item.path, 'it was swept away');
    const state = contentState(node);
    const { mtimeNs } = node;
    await this.#giveName(item, staged, node);
    const version = `${state}${node.change}` as Version;
    this.audit.report(this.side, version);
    const entry = this.fileEntryOf(item.path, node);
    return { ...entry, version, sizeBytes: note.text.length, mtimeNs };
  }

  async #giveName(item: WriteItem, staged: string, node: Inode): Promise<void> {
    const { stage, versions, displaced } = this.#disk;
    const { path, expected } = item;
    const name = nameOf(path);
    if (expected === 'absent')
      return this.step(`publish ${path}`, () => {
        this.place(path, node);
        stage.children.delete(staged);
      });
    await this.step(`check ${path}`, () => this.expectNode(path, expected));
    const isExpected = await this.step(`exchange ${path}`, () => {
      const directory = this.tree.directoryOf(path);
      if (!directory?.children.has(name)) throw changed(path, 'it is gone');
      this.tree.exchange(stage, staged, directory, name);
      return isSameContent(stage.children.get(staged) as Inode, expected);
    });
    if (!isExpected) {
      await this.step(`undo exchange ${path}`, () => this.#undoExchange(path, staged, node));
      throw changed(path, 'it was changed in the moment it was to be replaced');
    }
    await this.step(`keep ${path}`, () => {
      const old = stage.children.get(staged) as Inode;
      this.tree.rename(stage, staged, versions, this.#disk.newName());
      displaced.push({ node: old, path, text: old.text });
    });
  }

  #undoExchange(path: SyncPath, staged: string, ours: Inode): void {
    const { stage } = this.#disk;
    const directory = this.tree.directoryOf(path);
    const name = nameOf(path);
    if (directory?.children.has(name)) this.tree.exchange(stage, staged, directory, name);
    const back = stage.children.get(staged);
    if (back !== ours || back.text !== this.#disk.journal.get(staged)?.text)
      this.#giveBack(stage, staged, path);
  }

  /** Clears away what an interrupted run left, and looks once more at what was put away. */
  #tidy(): void {
    const { stage, versions, journal, displaced } = this.#disk;
    for (const [name, node] of [...stage.children]) {
      const note = journal.get(name);
      if (note && node === note.ours && node.text === note.text) stage.children.delete(name);
      else if (note && note.expected !== 'absent' && isSameContent(node, note.expected))
        this.tree.rename(stage, name, versions, this.#disk.newName());
      else this.#giveBack(stage, name, note?.path ?? ('lost' as SyncPath));
    }
    journal.clear();
    for (const { node, path, text } of displaced) {
      if (node.text === text) continue;
      for (const [name, kept] of versions.children)
        if (kept === node) this.#giveBack(versions, name, path);
    }
    this.#disk.displaced = [];
    this.tree.settleNames();
  }

  /** Moves what is the user's to a conflict name beside `path`. */
  #giveBack(from: Inode, fromName: string, path: SyncPath): void {
    const parent = this.tree.at(parentPath(path));
    const directory = parent?.kind === 'directory' ? parent : this.tree.root;
    const name = conflictCopyName(nameOf(path), {
      device: SLIP_DEVICE,
      timestamp: '2026-01-05 09-00-00',
      isTaken: (candidate) => directory.children.has(candidate),
    });
    this.tree.rename(from, fromName, directory, name);
  }
}

/** Names a state of a file as the folder does: inode, size, time of the last write, change of the inode. */
export function localVersion(node: Inode): Version {
  return `${contentState(node)}${node.change}` as Version;
}

function contentState(node: Inode): string {
  return `${node.ino}-${node.text.length}-${node.mtimeNs}-`;
}

function isSameContent(node: Inode, version: Version): boolean {
  return node.kind !== 'directory' && version.startsWith(contentState(node));
}
