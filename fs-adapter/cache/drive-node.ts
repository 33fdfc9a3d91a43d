import { crc32 } from 'node:zlib';
import type { ContentHash, Entry, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';

/**
 * Where a file's content is. `placeholder`: only on the other side. `hydrated`: here, and the same as the other
 * side's. `dirty`: here, changed, and not known to be on the other side yet; never dropped.
 */
export type NodeState = 'placeholder' | 'hydrated' | 'dirty';

interface NodeBase {
  /** Never reused, also not after a restart; the inode number. */
  readonly id: number;
  /** Null for the root, and for what was removed while it is still open. */
  parent: DirectoryNode | null;
  /** NFC. */
  name: string;
  /** Permission bits, 07777. */
  mode: number;
  mtimeNs: bigint;
  ctimeMs: number;
  /** What the engine follows moves by; a safe save gives the new file the identity of the one it replaces. */
  identity: number;
  /** Grows with each change of content, time or mode. */
  counter: number;
}

export interface FileNode extends NodeBase {
  readonly kind: 'file';
  sizeBytes: number;
  state: NodeState;
  /** The other side's version that a placeholder is filled from; null: never been there. */
  source: Version | null;
  hash: ContentHash | null;
  /** Number of the backing file; null for a placeholder. */
  backing: number | null;
  /** The backing file's mtime when it was last known to be in step with this node. */
  stamp: string | null;
}

export interface DirectoryNode extends NodeBase {
  readonly kind: 'directory';
  readonly children: Map<string, DriveNode>;
}

export interface LinkNode extends NodeBase {
  readonly kind: 'symlink';
  readonly target: string;
}

export type DriveNode = FileNode | DirectoryNode | LinkNode;

export const ROOT_ID = 1;

/** Returns the version of the node as it is now; unique for each id and counter. */
export function versionOf(node: DriveNode): Version {
  return `${node.id.toString(36)}.${node.counter.toString(36)}` as Version;
}

/** Returns the node as the engine sees it. */
export function entryOf(node: DriveNode, path: SyncPath): Entry {
  const common = { path, version: versionOf(node), identity: String(node.identity) };
  const mode = node.mode & 0o777;
  if (node.kind === 'directory') return { ...common, kind: 'directory', mode };
  if (node.kind === 'symlink') return { ...common, kind: 'symlink', target: node.target };
  const { sizeBytes, mtimeNs, hash } = node;
  return { ...common, kind: 'file', sizeBytes, mtimeNs, mode, ...(hash === null ? {} : { hash }) };
}

/** Returns the node without its content: what a directory's, link's or new file's record begins with. */
export function blankNode(id: number, name: string, mode: number, nowMs: number): NodeBase {
  const mtimeNs = BigInt(Math.trunc(nowMs)) * 1_000_000n;
  return { id, parent: null, name, mode, mtimeNs, ctimeMs: nowMs, identity: id, counter: 0 };
}

/** Returns the row that is kept in the store, as JSON. */
export function encodeNode(node: DriveNode): string {
  const common = [
    node.kind,
    node.parent?.id ?? 0,
    node.name,
    node.mode,
    String(node.mtimeNs),
    node.ctimeMs,
    node.identity,
    node.counter,
  ];
  if (node.kind === 'directory') return JSON.stringify(common);
  if (node.kind === 'symlink') return JSON.stringify([...common, node.target]);
  const { sizeBytes, state, source, hash, backing, stamp } = node;
  return JSON.stringify([...common, sizeBytes, state, source, hash, backing, stamp]);
}

/** Returns the node of a row, not yet in its directory, and that directory's id. */
export function decodeNode(id: number, row: string): { node: DriveNode; parentId: number } {
  const [kind, parentId, name, mode, mtimeNs, ctimeMs, identity, counter, ...rest] =
    JSON.parse(row);
  const base: NodeBase = {
    id,
    parent: null,
    name,
    mode,
    mtimeNs: BigInt(mtimeNs),
    ctimeMs,
    identity,
    counter,
  };
  if (kind === 'directory')
    return { node: { ...base, kind, children: new Map<string, DriveNode>() }, parentId };
  if (kind === 'symlink') return { node: { ...base, kind, target: rest[0] }, parentId };
  const [sizeBytes, state, source, hash, backing, stamp] = rest;
  return {
    node: { ...base, kind: 'file', sizeBytes, state, source, hash, backing, stamp },
    parentId,
  };
}

/** Returns what one row adds to the digest over all rows. */
export function rowDigest(id: number, row: string): number {
  return crc32(`${id} ${row}`);
}
