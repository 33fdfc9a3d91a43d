import type { Clock, Logger } from '../../core/ports.ts';
import type { BackingFiles, BackingStat } from './backing-files.ts';
import { BlockMap } from './block-map.ts';
import { DriveJournal } from './drive-journal.ts';
import { feedRows, type LoadedRows, type RowLoader } from './drive-load.ts';
import type { DriveLog } from './drive-log.ts';
import {
  blankRow,
  type DirectoryNode,
  type DriveNode,
  type FileNode,
  keyOf,
  nodeOf,
  ROOT_ID,
} from './drive-node.ts';
import { decodeRow, digestOfRow, highestIn, rowsIn } from './drive-row.ts';
import type { DriveStore } from './drive-store.ts';
import { DriveTable } from './drive-table.ts';
import { keepUnknownContents } from './unknown-contents.ts';

const ROOT_MODE = 0o755;
const STATS_AT_ONCE = 16;

export interface LoadOptions {
  readonly store: DriveStore;
  readonly log: DriveLog;
  readonly backing: BackingFiles;
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface LoadedTable {
  readonly table: DriveTable;
  readonly identity: string;
}

/**
 * Brings the drive's tree back into JavaScript's memory, compares it with the backing files, and marks as dirty what a
 * crash left between the two.
 */
export async function loadTable(options: LoadOptions): Promise<LoadedTable> {
  const { store, log, backing, stateDirectory, clock, logger } = options;
  const nodes = new NodeLoader();
  const { identity, check, lostRows } = await feedRows(store, nodes, logger);
  const journal = new DriveJournal({ store, log, check, logger });
  const nowMs = clock.now();
  if (lostRows) await keepUnknownContents({ store, stateDirectory, nowMs, logger });
  const root = nodes.root ?? blankRoot(nowMs);
  const table = new DriveTable(root, journal);
  if (nodes.root === null) journal.note(root);
  adoptOrphans(table, nodes.orphans, nowMs);
  const used = await compareBacking(table, backing, logger);
  await journal.flush();
  // Only now: a backing file is removed for good.
  await backing.prepare(used, nowMs);
  return { table, identity };
}

/** Rows as nodes, in a tree once they are linked. */
class NodeLoader implements RowLoader {
  root: DirectoryNode | null = null;
  orphans: readonly DriveNode[] = [];
  readonly #nodes = new Map<number, DriveNode>();
  readonly #parents = new Map<DriveNode, number>();
  #loaded: LoadedRows = { count: 0, digest: 0, highest: 0 };

  add(packed: Buffer): LoadedRows {
    let { count, digest, highest } = this.#loaded;
    for (const bytes of rowsIn(packed)) {
      const { row, parentId } = decodeRow(bytes);
      const node = nodeOf(row, digestOfRow(bytes));
      this.#nodes.set(node.id, node);
      if (node.id !== ROOT_ID) this.#parents.set(node, parentId);
      else if (node.kind === 'directory') this.root = node;
      count += 1;
      digest = (digest + (node.digest ?? 0)) >>> 0;
      highest = Math.max(highest, highestIn(bytes));
    }
    this.#loaded = { count, digest, highest };
    return this.#loaded;
  }

  link(): number {
    const orphans: DriveNode[] = [];
    for (const [node, parentId] of this.#parents) {
      const parent = this.#nodes.get(parentId);
      if (parent?.kind === 'directory') {
        node.parent = parent;
        parent.children.set(keyOf(node), node);
      } else orphans.push(node);
    }
    this.orphans = orphans;
    return orphans.length;
  }
}

function blankRoot(nowMs: number): DirectoryNode {
  const row = { ...blankRow(ROOT_ID, '', ROOT_MODE, nowMs), kind: 'directory' as const };
  return { ...row, parent: null, digest: null, children: new Map() };
}

/** Puts nodes whose directory was lost into the root, under names that say so. */
function adoptOrphans(table: DriveTable, orphans: readonly DriveNode[], nowMs: number): void {
  for (const node of orphans) {
    node.name = `recovered-${node.id} ${node.name}`;
    node.nameBytes = null;
    table.insert(node, table.root, nowMs);
  }
}

/** Returns the numbers of the backing files in use. */
async function compareBacking(
  table: DriveTable,
  backing: BackingFiles,
  logger: Logger,
): Promise<ReadonlySet<number>> {
  const used = new Set<number>();
  const files: FileNode[] = [];
  for (const node of table.below(table.root))
    if (node.kind === 'file' && node.backing !== null) files.push(node);
  const compareNext = async (): Promise<void> => {
    for (let node = files.pop(); node !== undefined; node = files.pop()) {
      if (node.backing === null) continue;
      const stat = await backing.stat(node.backing);
      if (stat === null || isCutShort(node, stat)) contentLost(table, node, logger);
      else compare(table, node, stat);
      if (node.backing !== null) used.add(node.backing);
    }
  };
  await Promise.all(Array.from({ length: STATS_AT_ONCE }, compareNext));
  return used;
}

/** A power cut took the end of content that was durable before only on the other side. */
function isCutShort(node: FileNode, stat: BackingStat): boolean {
  const isSame = stat.mtimeNs === node.stampNs;
  return node.state === 'hydrated' && isSame && stat.sizeBytes !== node.sizeBytes;
}

function compare(table: DriveTable, node: FileNode, stat: BackingStat): void {
  if (node.state === 'placeholder') {
    // Its time is that of the last part that arrived; the map says what of it is durable.
    if (stat.sizeBytes === node.sizeBytes) node.present = new BlockMap(node.sizeBytes, node.map);
    else [node.backing, node.map] = [null, null];
    table.changed(node);
    return;
  }
  const isSameSize = stat.sizeBytes === node.sizeBytes;
  const isInStep =
    stat.mtimeNs === node.stampNs || (node.state === 'dirty' && node.stampNs === null);
  if (isSameSize && isInStep) return;
  node.state = 'dirty';
  node.hash = null;
  node.sizeBytes = stat.sizeBytes;
  node.mtimeNs = stat.mtimeNs;
  node.stampNs = stat.mtimeNs;
  node.counter += 1;
  table.changed(node);
}

/** The backing file was taken away by someone: what the other side has is still there. */
function contentLost(table: DriveTable, node: FileNode, logger: Logger): void {
  const path = table.pathOf(node);
  logger.error('the content of a file is gone from the cache', { path, state: node.state });
  node.backing = null;
  node.stampNs = null;
  node.map = null;
  node.present = null;
  node.state = 'placeholder';
  node.counter += 1;
  if (node.source === null) table.detach(node, Number(node.ctimeNs / 1_000_000n));
  else table.changed(node);
}
