import {
  isAtOrBelow,
  isPrivateName,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type { Observation, ObservedPart, ObserveOptions } from '../../core/observation.ts';
import type { MemoryNode, MemoryTree } from './memory-tree.ts';

/** A whole tree as it was at one moment. */
export interface TreeLook {
  readonly observations: readonly Observation[];
  /** Of each directory in which everything could be seen, in the order of the observations. */
  readonly fingerprints: ReadonlyMap<SyncPath, string>;
}

/** Looks at everything at once; `observationOf` says what is seen of a node. */
export function lookAtTree(
  tree: MemoryTree,
  options: ObserveOptions,
  observationOf: (node: MemoryNode) => Observation,
): TreeLook {
  const observations: Observation[] = [];
  const skipped: SyncPath[] = [];
  const states = new Map<SyncPath, string[]>([[ROOT, []]]);
  for (const node of tree.below(ROOT)) {
    const { path } = node;
    if (skipped.some((directory) => isAtOrBelow(path, directory))) continue;
    const isPrivate = isPrivateName(nameOf(path));
    if (!isPrivate) states.get(parentPath(path))?.push(stateOf(node));
    if (isPrivate || isIgnored(node, options)) {
      skipped.push(path);
      continue;
    }
    const seen = observationOf(node);
    observations.push(seen);
    if (seen.type === 'problem') {
      skipped.push(path);
      states.delete(parentPath(path));
    } else if (node.kind === 'directory') states.set(path, []);
  }
  const fingerprints = new Map<SyncPath, string>();
  for (const [directory, state] of states) fingerprints.set(directory, state.sort().join('\n'));
  return { observations, fingerprints };
}

function isIgnored({ path, kind }: MemoryNode, options: ObserveOptions): boolean {
  if (options.isIgnored?.(path, kind === 'directory') !== true) return false;
  options.onIgnored?.(path);
  return true;
}

/** Of a directory only which one it is: what it holds tells its own listing. */
function stateOf({ path, kind, id, revision }: MemoryNode): string {
  return kind === 'directory' ? `${path}/${kind}/${id}` : `${path}/${kind}/${id}/${revision}`;
}

/** Returns which directories are listed; all of them where no part is asked for. */
export function wantedBy(part: ObservedPart | undefined): (directory: SyncPath) => boolean {
  if (part === undefined) return () => true;
  const starts = new Set(part.directories);
  const wanted = new Map<SyncPath, boolean>();
  const isWanted = (directory: SyncPath): boolean => {
    const known = wanted.get(directory);
    if (known !== undefined) return known;
    const isMet = directory !== ROOT && !part.isKnown(directory) && isWanted(parentPath(directory));
    const found = starts.has(directory) || isMet;
    wanted.set(directory, found);
    return found;
  };
  return isWanted;
}
