import type { ContentHash, Entry, Version } from '../../core/model/entry.ts';
import {
  childPath,
  isAtOrBelow,
  nameOf,
  parentPath,
  type SyncPath,
} from '../../core/model/path.ts';
import type { TreeJournal } from './tree-journal.ts';

/** One thing in the tree; replaced, never changed, so that a reader keeps what it opened. */
export interface MemoryNode {
  readonly path: SyncPath;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly id: number;
  /** Grows with each change of any node. */
  readonly revision: number;
  readonly content: Uint8Array;
  readonly mtimeNs: bigint;
  readonly mode: number;
  readonly target: string;
}

/** What makes a node another one; the rest is given by the tree. */
export type NodeState = Pick<MemoryNode, 'kind'> &
  Partial<Pick<MemoryNode, 'id' | 'content' | 'mtimeNs' | 'mode' | 'target'>>;

const NOTHING = new Uint8Array(0);

/** A tree of nodes by path. All methods are synchronous, so each one is atomic. */
export class MemoryTree {
  readonly #nodes = new Map<string, MemoryNode>();
  readonly #keyOf: (path: SyncPath) => string;
  /** Hears of each change of the tree. */
  journal: Pick<TreeJournal, 'touch' | 'move'> | null = null;
  #lastId = 0;
  #lastRevision = 0;

  constructor(caseSensitive: boolean) {
    this.#keyOf = caseSensitive ? (path) => path : (path) => path.toLowerCase();
  }

  get(path: SyncPath): MemoryNode | undefined {
    return this.#nodes.get(this.#keyOf(path));
  }

  /** Tells whether something can be placed in the directory that `path` is in. */
  hasParent(path: SyncPath): boolean {
    const parent = parentPath(path);
    return parent === '' || this.get(parent)?.kind === 'directory';
  }

  /** Puts a node at `path`, over what is there. */
  set(path: SyncPath, state: NodeState): MemoryNode {
    this.#lastRevision += 1;
    const node: MemoryNode = {
      content: NOTHING,
      mtimeNs: 0n,
      mode: state.kind === 'directory' ? 0o755 : 0o644,
      target: '',
      ...state,
      id: state.id ?? this.#nextId(),
      path: this.get(path)?.path ?? path,
      revision: this.#lastRevision,
    };
    this.#nodes.set(this.#keyOf(path), node);
    this.journal?.touch(node.path);
    return node;
  }

  delete(path: SyncPath): void {
    this.journal?.touch(this.get(path)?.path ?? path);
    this.#nodes.delete(this.#keyOf(path));
  }

  /** Moves a node and all below it; the target must be free. Revisions stay. */
  rename(from: SyncPath, to: SyncPath): void {
    const top = this.get(from);
    for (const node of this.below(from)) {
      this.#nodes.delete(this.#keyOf(node.path));
      const rest = node.path.slice(from.length);
      const path = `${to}${rest}` as SyncPath;
      this.#nodes.set(this.#keyOf(path), { ...node, path });
    }
    if (top?.kind === 'directory') this.journal?.move(top.path, to, `${top.id}`);
    else if (top) for (const path of [top.path, to]) this.journal?.touch(path);
  }

  /** Returns the node at `path` (none for the root) and all below it, parents first, in order of their paths. */
  below(path: SyncPath): MemoryNode[] {
    const key = this.#keyOf(path) as SyncPath;
    return [...this.#nodes.entries()]
      .filter(([candidate]) => isAtOrBelow(candidate as SyncPath, key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, node]) => node);
  }

  /** Returns the names in a directory. */
  names(directory: SyncPath): string[] {
    return this.below(directory)
      .map((node) => node.path)
      .filter((path) => path !== directory && childPath(directory, nameOf(path)) === path)
      .filter((path) => this.#keyOf(parentPath(path)) === this.#keyOf(directory))
      .map(nameOf);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

/** Which of a node's properties the replica reports. */
export interface EntryShape {
  readonly identities: boolean;
  readonly modes: boolean;
  readonly hashOf?: (content: Uint8Array) => ContentHash;
}

/** Returns the version of a node. */
export function versionOfNode(node: MemoryNode): Version {
  return (node.kind === 'directory' ? `d${node.id}` : `r${node.revision}`) as Version;
}

/** Returns the node as the replica reports it. */
export function entryOfNode(node: MemoryNode, shape: EntryShape): Entry {
  const common = {
    path: node.path,
    version: versionOfNode(node),
    ...(shape.identities ? { identity: `${node.id}` } : {}),
  };
  const mode = shape.modes ? { mode: node.mode } : {};
  if (node.kind === 'symlink') return { ...common, kind: 'symlink', target: node.target };
  if (node.kind === 'directory') return { ...common, kind: 'directory', ...mode };
  return {
    ...common,
    kind: 'file',
    sizeBytes: node.content.length,
    mtimeNs: node.mtimeNs,
    ...mode,
    ...(shape.hashOf === undefined ? {} : { hash: shape.hashOf(node.content) }),
  };
}
