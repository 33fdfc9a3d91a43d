import type { DriveNode, FileNode } from './drive-node.ts';
import { storedBytesOf } from './drive-table.ts';
import type { DriveEntry, DriveFile } from './drive-tree.ts';
import type { OpenFile } from './open-file.ts';

/** Returns a node as it is now, for those who know it by its id only; `open`: as programs have it open. */
export function showNode(node: FileNode, open: OpenFile | undefined): DriveFile;
export function showNode(node: DriveNode, open: OpenFile | undefined): DriveEntry;
export function showNode(node: DriveNode, open: OpenFile | undefined): DriveEntry {
  if (node.kind === 'file') return showFile(node, open);
  const { id, name, mode, mtimeNs, identity, counter, isPinned, isPlaced } = node;
  const common = {
    id,
    parentId: node.parent?.id ?? null,
    name,
    isNameValid: node.nameBytes === null,
    mode,
    mtimeNs,
    identity,
    counter,
    isPinned,
    isPlaced,
  };
  if (node.kind === 'symlink') return { ...common, kind: 'symlink', target: node.target };
  return { ...common, kind: node.kind };
}

/** One literal, as there are many files and spreading takes long. */
function showFile(node: FileNode, open: OpenFile | undefined): DriveFile {
  return {
    id: node.id,
    parentId: node.parent?.id ?? null,
    name: node.name,
    isNameValid: node.nameBytes === null,
    mode: node.mode,
    mtimeNs: node.mtimeNs,
    identity: node.identity,
    counter: node.counter,
    isPinned: node.isPinned,
    isPlaced: node.isPlaced,
    kind: 'file',
    sizeBytes: node.sizeBytes,
    state: node.state,
    source: node.source,
    hash: node.hash,
    backing: node.backing,
    storedBytes: storedBytesOf(node),
    handles: open?.handles ?? 0,
    writers: open?.writers ?? 0,
    closed: open?.closed ?? null,
    usedAtMs: node.usedAtMs,
  };
}
