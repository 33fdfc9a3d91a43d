import type { BlockMap } from './block-map.ts';
import type { DirectoryRow, DriveRow, FileRow, LinkRow, SpecialRow } from './drive-row.ts';

interface InTree {
  /** Null for the root, and for what was removed while it is still open. */
  parent: DirectoryNode | null;
  /** What the entry's row in the store adds to the digest over all rows; null: it has none. */
  digest: number | null;
}

export interface FileNode extends FileRow, InTree {
  /** Of a placeholder: the blocks that are here, also those that its row does not say yet. */
  present: BlockMap | null;
  /** Another one as soon as other content is wanted. */
  generation: number;
  /** When a program last opened it; 0: not since the drive was opened. */
  usedAtMs: number;
  /** How much of it counts as stored in the table's sum. */
  countedBytes: number;
}

export interface DirectoryNode extends DirectoryRow, InTree {
  /** By name; by bytesKey where the name is not UTF-8. */
  readonly children: Map<string, DriveNode>;
}

export interface LinkNode extends LinkRow, InTree {}

export interface SpecialNode extends SpecialRow, InTree {}

/** One entry of the drive in JavaScript's memory. */
export type DriveNode = FileNode | DirectoryNode | LinkNode | SpecialNode;

export const ROOT_ID = 1;

const NS_PER_MS = 1_000_000n;

export function nsOfMs(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * NS_PER_MS;
}

/** Returns what a new entry's record begins with. */
export function blankRow(id: number, name: string, mode: number, nowMs: number) {
  const nowNs = nsOfMs(nowMs);
  return {
    id,
    name,
    nameBytes: null,
    mode,
    mtimeNs: nowNs,
    ctimeNs: nowNs,
    atimeNs: nowNs,
    identity: id,
    counter: 0,
    isPinned: false,
    isPlaced: false,
    attributes: null,
  };
}

/** What the record of a file that a program has made goes on with. */
export const EMPTY_FILE = {
  kind: 'file',
  sizeBytes: 0,
  state: 'dirty',
  source: null,
  hash: null,
  backing: null,
  stampNs: null,
  map: null,
} as const;

/** Returns the node of a row, not yet in a directory. Files, of which there are many, are one literal, as spreading takes long. */
export function nodeOf(row: FileRow, digest?: number | null): FileNode;
export function nodeOf(row: DriveRow, digest?: number | null): DriveNode;
export function nodeOf(row: DriveRow, digest: number | null = null): DriveNode {
  if (row.kind === 'directory') return { ...row, parent: null, digest, children: new Map() };
  if (row.kind !== 'file') return { ...row, parent: null, digest };
  return {
    id: row.id,
    name: row.name,
    nameBytes: row.nameBytes,
    mode: row.mode,
    mtimeNs: row.mtimeNs,
    ctimeNs: row.ctimeNs,
    atimeNs: row.atimeNs,
    identity: row.identity,
    counter: row.counter,
    isPinned: row.isPinned,
    isPlaced: row.isPlaced,
    attributes: row.attributes,
    kind: 'file',
    sizeBytes: row.sizeBytes,
    state: row.state,
    source: row.source,
    hash: row.hash,
    backing: row.backing,
    stampNs: row.stampNs,
    map: row.map,
    parent: null,
    digest,
    present: null,
    generation: 0,
    usedAtMs: 0,
    countedBytes: 0,
  };
}

/** Returns the key by which a directory finds the node. */
export function keyOf(node: DriveNode): string {
  return node.nameBytes === null ? node.name : `\0${node.nameBytes.toString('hex')}`;
}
