import { randomUUID } from 'node:crypto';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { Store } from '../../core/records/store.ts';
import type { BackingFiles } from './backing-files.ts';
import { CHECK_KEY, DriveJournal, type JournalCheck, NODE_PREFIX } from './drive-journal.ts';
import {
  blankNode,
  type DirectoryNode,
  type DriveNode,
  decodeNode,
  type FileNode,
  ROOT_ID,
  rowDigest,
} from './drive-node.ts';
import { DriveTable } from './drive-table.ts';

const META_KEY = 'm/drive';
const SCHEMA = 1;
const ROOT_MODE = 0o755;
const STATS_AT_ONCE = 16;

interface Meta {
  readonly schema: number;
  readonly identity: string;
}

export interface LoadedDrive {
  readonly table: DriveTable;
  /** Stays the same for ever, unless the store was found damaged. */
  readonly identity: string;
}

export interface LoadOptions {
  readonly store: Store;
  readonly backing: BackingFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Brings the drive's tree back from the store, compares it with the backing files, and marks as dirty what a crash
 * left between the two. A store that lost rows gives the drive a new identity, so that no run infers a deletion.
 * @throws RECORD_SCHEMA_NEWER
 */
export async function loadDrive(options: LoadOptions): Promise<LoadedDrive> {
  const { store, backing, clock, logger } = options;
  const meta = parseMeta(await store.get(META_KEY));
  const rows = await readRows(store);
  const check = JSON.parse((await store.get(CHECK_KEY)) ?? 'null') as JournalCheck | null;
  const isWhole = matches(rows.digests, check) && rows.parents.size === 0;
  if (!isWhole && meta !== null)
    logger.error('the drive lost records; nothing is deleted, all is compared anew', {
      found: rows.digests.size,
      expected: check?.count ?? 0,
    });
  const identity = meta !== null && isWhole ? meta.identity : randomUUID();
  await store.batch([
    { type: 'put', key: META_KEY, value: JSON.stringify({ schema: SCHEMA, identity }) },
  ]);
  const nextId = Math.max(check?.nextId ?? 0, rows.highestId + 1, ROOT_ID + 1);
  const journal = new DriveJournal(store, logger, rows.digests, nextId);
  const table = new DriveTable(rows.root ?? blankRoot(clock.now()), journal);
  if (rows.root === null) journal.put(table.root);
  adoptOrphans(table, rows.parents, clock.now());
  await backing.prepare(await compareBacking(table, backing, logger), clock.now());
  await journal.flush({ sync: true });
  return { table, identity };
}

function parseMeta(text: string | undefined): Meta | null {
  if (text === undefined) return null;
  const meta = JSON.parse(text) as Meta;
  if (meta.schema > SCHEMA)
    throw new FerryError(
      'RECORD_SCHEMA_NEWER',
      'this drive was used by a newer version of ferry; update ferry, or mount it with another state directory',
    );
  return meta;
}

function blankRoot(nowMs: number): DirectoryNode {
  return { ...blankNode(ROOT_ID, '', ROOT_MODE, nowMs), kind: 'directory', children: new Map() };
}

interface Rows {
  readonly root: DirectoryNode | null;
  readonly digests: Map<number, number>;
  readonly highestId: number;
  /** Nodes whose directory has no row, with its id. */
  readonly parents: Map<DriveNode, number>;
}

async function readRows(store: Store): Promise<Rows> {
  const nodes = new Map<number, DriveNode>();
  const parents = new Map<DriveNode, number>();
  const digests = new Map<number, number>();
  let highestId = 0;
  for await (const batch of store.scan(NODE_PREFIX)) {
    for (const [key, row] of batch) {
      const id = Number(key.slice(NODE_PREFIX.length));
      const { node, parentId } = decodeNode(id, row);
      nodes.set(id, node);
      digests.set(id, rowDigest(id, row));
      highestId = Math.max(highestId, id);
      if (id !== ROOT_ID) parents.set(node, parentId);
    }
  }
  for (const [node, parentId] of parents) {
    const parent = nodes.get(parentId);
    if (parent?.kind !== 'directory') continue;
    node.parent = parent;
    parent.children.set(node.name, node);
    parents.delete(node);
  }
  const root = nodes.get(ROOT_ID);
  return { root: root?.kind === 'directory' ? root : null, digests, highestId, parents };
}

function matches(digests: ReadonlyMap<number, number>, check: JournalCheck | null): boolean {
  if (check === null) return digests.size === 0;
  let digest = 0;
  for (const one of digests.values()) digest = (digest + one) >>> 0;
  return digests.size === check.count && digest === check.digest;
}

/** Puts nodes whose directory was lost into the root, under names that say so. */
function adoptOrphans(table: DriveTable, orphans: Map<DriveNode, number>, nowMs: number): void {
  for (const node of orphans.keys()) {
    node.name = `recovered-${node.id} ${node.name}`;
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
      const id = node.backing;
      const stat = await backing.stat(id);
      if (stat === null) contentLost(table, node, logger);
      else used.add(id);
      if (stat === null || String(stat.mtimeNs) === node.stamp) continue;
      if (node.state === 'dirty' && node.stamp === null && stat.sizeBytes === node.sizeBytes)
        continue;
      node.state = 'dirty';
      node.hash = null;
      node.sizeBytes = stat.sizeBytes;
      node.mtimeNs = stat.mtimeNs;
      node.stamp = String(stat.mtimeNs);
      node.counter += 1;
      table.changed(node);
    }
  };
  await Promise.all(Array.from({ length: STATS_AT_ONCE }, compareNext));
  return used;
}

/** The backing file was taken away by someone: what the other side has is still there. */
function contentLost(table: DriveTable, node: FileNode, logger: Logger): void {
  const path = table.pathOf(node);
  logger.error('the content of a file is gone from the cache', { path, state: node.state });
  node.backing = null;
  node.stamp = null;
  node.state = 'placeholder';
  node.counter += 1;
  if (node.source === null) table.detach(node, Number(node.ctimeMs));
  else table.changed(node);
}
