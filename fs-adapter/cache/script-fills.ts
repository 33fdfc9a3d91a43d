import type { BackingFiles } from './backing-files.ts';
import { BlockMap } from './block-map.ts';
import type { FileNode } from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import type { Extent, FillTarget, KeptBecause } from './drive-tree.ts';
import type { FileContents } from './file-contents.ts';

/** What has arrived of a placeholder is noted in its row so long after: rows are not written for each block. */
const NOTE_AFTER_MS = 500;

export interface FillOptions {
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly contents: FileContents;
}

/** Takes what is fetched for placeholders, part by part, and gives content back. */
export class ScriptFills {
  readonly #options: FillOptions;
  /** Files of which more is here than their rows say. */
  readonly #unnoted = new Set<FileNode>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FillOptions) {
    this.#options = options;
  }

  target(node: FileNode): FillTarget | null {
    const { table, backing } = this.#options;
    if (node.state !== 'placeholder') return null;
    if (node.sizeBytes === 0) {
      node.state = 'hydrated';
      table.changed(node);
      return null;
    }
    if (node.backing === null) {
      const id = table.journal.nextId();
      backing.createSized(id, node.sizeBytes);
      node.backing = id;
      table.changed(node);
    }
    node.present ??= new BlockMap(node.sizeBytes, node.map);
    return {
      id: node.id,
      generation: node.generation,
      source: node.source,
      sizeBytes: node.sizeBytes,
      hash: node.hash,
      backingPath: backing.path(node.backing),
    };
  }

  missing(node: FileNode, part: Extent): readonly Extent[] {
    if (node.state !== 'placeholder') return [];
    return (node.present ?? new BlockMap(node.sizeBytes, node.map)).missing(part);
  }

  filled(node: FileNode, generation: number, part: Extent): boolean {
    if (!isWanted(node, generation)) return false;
    node.present ??= new BlockMap(node.sizeBytes, node.map);
    node.present.fill(part);
    this.#options.table.recount(node);
    this.#unnoted.add(node);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.note();
    }, NOTE_AFTER_MS).unref();
    return true;
  }

  completed(node: FileNode, generation: number, stampNs: bigint): boolean {
    if (!isWanted(node, generation)) return false;
    node.state = 'hydrated';
    node.map = null;
    node.present = null;
    node.stampNs = stampNs;
    this.#unnoted.delete(node);
    this.#options.table.changed(node);
    return true;
  }

  discard(node: FileNode, generation: number): void {
    if (isWanted(node, generation)) this.#giveUp(node);
  }

  dehydrate(node: FileNode): KeptBecause | null {
    if (node.state === 'dirty') return 'dirty';
    if (node.backing === null) return null;
    // Nobody else has it, or not where a program has moved it.
    if (node.source === null || !node.isPlaced) return 'dirty';
    if (this.#options.contents.openFile(node.id) !== undefined) return 'open';
    for (let at: FileNode['parent'] | FileNode = node; at !== null; at = at.parent)
      if (at.isPinned) return 'pinned';
    this.#giveUp(node);
    return null;
  }

  /** Notes in the rows what has arrived; whether that is durable is looked after elsewhere (PartialContents). */
  note(): void {
    for (const node of this.#unnoted) {
      node.map = node.present?.save() ?? null;
      this.#options.table.changed(node);
    }
    this.#unnoted.clear();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.note();
  }

  #giveUp(node: FileNode): void {
    node.state = 'placeholder';
    this.#options.contents.drop(node);
    this.#options.table.changed(node);
  }
}

function isWanted(node: FileNode, generation: number): boolean {
  return node.state === 'placeholder' && node.generation === generation;
}
