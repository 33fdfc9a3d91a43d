import { nameOf, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger, WriteItem } from '../../core/ports.ts';
import type { BackingFiles, BackingStat } from './backing-files.ts';
import {
  blankRow,
  type DirectoryNode,
  type FileNode,
  nodeOf,
  nsOfMs,
  versionOf,
} from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import type { FileContents } from './file-contents.ts';

const FILE_MODE = 0o644;

export interface DriveWriterOptions {
  readonly table: DriveTable;
  readonly contents: FileContents;
  readonly backing: BackingFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly placeholders: boolean;
}

/** What the table holds where an item is to be written; null: nothing. */
export interface WritePlace {
  readonly node: FileNode | null;
  readonly parent: DirectoryNode;
}

interface Staged extends BackingStat {
  readonly id: number;
}

/** Puts files of the other side into the table, as placeholders or with their content. */
export class DriveWriter {
  readonly #options: DriveWriterOptions;

  constructor(options: DriveWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes one item. `look` returns the place and throws when it is not as the item expects; it is called again
   * after each wait, and the change is made in one step with the last look.
   */
  async write(
    item: WriteItem,
    look: () => WritePlace,
    signal: AbortSignal | undefined,
  ): Promise<FileNode> {
    const { placeholders, backing } = this.#options;
    look();
    const staged = placeholders ? null : await this.#stage(item, signal);
    try {
      const { node } = look();
      if (node !== null) await this.keepDirty(node, item.path);
      const place = look();
      return place.node === null
        ? this.#insert(item, place.parent, staged)
        : this.#replace(item, place.node, staged);
    } catch (error) {
      if (staged !== null) backing.remove(staged.id);
      throw error;
    }
  }

  /**
   * Keeps a copy of content that only this drive has, where a sync that knew of it replaces or removes it all the
   * same (a mirror does). The file itself stays as it is.
   */
  async keepDirty(node: FileNode, path: SyncPath): Promise<void> {
    const { backing, clock, logger } = this.#options;
    if (node.state !== 'dirty' || node.backing === null || node.sizeBytes === 0) return;
    const keptAs = await backing.keepVersion(node.backing, path, clock.now());
    logger.info('kept the version that sync replaces', { path, keptAs, version: versionOf(node) });
  }

  async #stage(item: WriteItem, signal: AbortSignal | undefined): Promise<Staged> {
    const { table, backing } = this.#options;
    const id = table.journal.nextId();
    return { id, ...(await backing.fill(id, await item.open(signal), item.sizeBytes)) };
  }

  #insert(item: WriteItem, parent: DirectoryNode, staged: Staged | null): FileNode {
    const { table, clock } = this.#options;
    const nowMs = clock.now();
    const blank = blankRow(
      table.journal.nextId(),
      nameOf(item.path),
      item.mode ?? FILE_MODE,
      nowMs,
    );
    const node = nodeOf({
      ...blank,
      mtimeNs: item.mtimeNs ?? blank.mtimeNs,
      kind: 'file',
      sizeBytes: item.sizeBytes,
      state: staged === null ? 'placeholder' : 'hydrated',
      source: item.sourceVersion,
      hash: item.hash ?? null,
      backing: staged?.id ?? null,
      stampNs: staged === null ? null : staged.mtimeNs,
      map: null,
      isPlaced: true,
    }) as FileNode;
    table.insert(node, parent, nowMs);
    return node;
  }

  #replace(item: WriteItem, node: FileNode, staged: Staged | null): FileNode {
    const { table, contents, clock } = this.#options;
    const nowMs = clock.now();
    const isSameContent =
      item.hash !== undefined && item.hash === node.hash && node.state !== 'dirty';
    if (!isSameContent || staged !== null) {
      contents.displace(node);
      node.state = staged === null ? 'placeholder' : 'hydrated';
      node.backing = staged?.id ?? null;
      node.stampNs = staged === null ? null : staged.mtimeNs;
    }
    node.sizeBytes = item.sizeBytes;
    node.source = item.sourceVersion;
    node.hash = item.hash ?? null;
    node.mtimeNs = item.mtimeNs ?? nsOfMs(nowMs);
    if (item.mode !== undefined) node.mode = item.mode;
    node.counter += 1;
    node.ctimeNs = nsOfMs(nowMs);
    table.changed(node);
    return node;
  }
}
