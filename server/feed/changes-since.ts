import type { ChangeTree } from './change-tree.ts';
import type { ChangedDirectory } from './changed-directory.ts';

/** From so many directories that came from outside the collection on, it is listed as a whole. */
const MAX_ARRIVED = 100;

/** Something to look up for an answer; paths are relative to the collection asked about. */
export type Change =
  /** These names in the directory, each of which may be anything by now, or nothing. */
  | { readonly type: 'names'; readonly path: string; readonly names: readonly string[] }
  /** All that is directly in the directory. */
  | { readonly type: 'listing'; readonly path: string }
  /** The directory, new to whoever asks, with all below it; another one may have been there before. */
  | { readonly type: 'tree'; readonly path: string; readonly mayReplace: boolean };

const NOTHING: ReadonlySet<ChangedDirectory> = new Set();

/** A move below the collection asked about, with paths as they were then. */
export interface MovedBelow {
  readonly from: string;
  readonly path: string;
  /** Where the directory is now; null: not there any more. */
  readonly present: string | null;
}

/** What has changed below a collection. */
export interface ChangesSince {
  readonly moves: readonly MovedBelow[];
  /** Parents first. */
  readonly changes: readonly Change[];
  /** Tells whether a directory was known when this was asked: any other one that is found is new. */
  readonly isKnown: (path: string) => boolean;
}

/** Returns what has changed below `path` since `seq`, with moves as such or as new directories; null when the collection itself has come or moved there since. */
export function changesSince(
  tree: ChangeTree,
  path: string,
  seq: number,
  { withMoves = true }: { readonly withMoves?: boolean } = {},
): ChangesSince | null {
  const top = tree.at(path);
  if (top === undefined) return null;
  for (let at: ChangedDirectory | null = top; at !== null; at = at.parent)
    if (at.placed > seq && at.parent !== null) return null;
  const { seq: now } = tree;
  const isKnown = (below: string): boolean => wasThere(top, below, now);
  if (top.newest <= seq) return { moves: [], changes: [], isKnown };
  // Without moves, a directory that was moved is a new one.
  const knowsMoves = withMoves && seq >= tree.movesFloor;
  const moved = knowsMoves ? movesSince(tree, top, seq) : { moves: [], movedIn: NOTHING };
  if (moved === null) return null;
  const { moves, movedIn } = moved;
  const isNew = (directory: ChangedDirectory): boolean =>
    directory.appeared > seq || (!knowsMoves && directory.placed > seq) || movedIn.has(directory);
  return { moves, changes: collect(top, seq, isNew), isKnown };
}

function wasThere(top: ChangedDirectory, path: string, seq: number): boolean {
  let directory: ChangedDirectory | undefined = top;
  for (const name of path.split('/')) {
    directory = directory.children.get(name);
    if (directory === undefined || directory.placed > seq) return false;
  }
  return true;
}

function movesSince(
  tree: ChangeTree,
  top: ChangedDirectory,
  seq: number,
): { moves: ChangesSince['moves']; movedIn: ReadonlySet<ChangedDirectory> } | null {
  const moves: MovedBelow[] = [];
  const movedIn = new Set<ChangedDirectory>();
  const prefix = top.path === '' ? '' : `${top.path}/`;
  // Paths of directories that came from elsewhere with all that is in them, as they are at each move.
  let arrived: string[] = [];
  for (const move of tree.moves.slice(firstAfter(tree.moves, seq))) {
    const { directory, from, path } = move;
    const isNew = directory.appeared > seq || move.around > seq || movedIn.has(directory);
    const cameAlong = arrived.some((one) => from.startsWith(`${one}/`));
    arrived = arrived.map((one) => rebased(one, from, path));
    if (!path.startsWith(prefix)) continue;
    if (isNew || cameAlong || !from.startsWith(prefix)) movedIn.add(directory);
    else
      moves.push({
        from: from.slice(prefix.length),
        path: path.slice(prefix.length),
        present: directory.isWithin(top) ? directory.path.slice(prefix.length) : null,
      });
    if (!from.startsWith(prefix)) arrived.push(path);
    if (arrived.length > MAX_ARRIVED) return null;
  }
  return { moves, movedIn };
}

function rebased(path: string, from: string, to: string): string {
  if (path === from) return to;
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
}

function firstAfter(moves: readonly { readonly seq: number }[], seq: number): number {
  let low = 0;
  let high = moves.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moves[middle]?.seq ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

function collect(
  top: ChangedDirectory,
  seq: number,
  isNew: (directory: ChangedDirectory) => boolean,
): readonly Change[] {
  const changes: Change[] = [];
  const waiting: (readonly [path: string, directory: ChangedDirectory])[] = [['', top]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [path, directory] = next;
    const fresh = new Set<string>();
    const below: (readonly [string, ChangedDirectory])[] = [];
    for (const [name, child] of directory.children) {
      if (child.newest <= seq) continue;
      const childPath = path === '' ? name : `${path}/${name}`;
      if (isNew(child)) fresh.add(name);
      else below.push([childPath, child]);
    }
    changes.push(...ownChanges(directory, path, seq, fresh));
    for (const name of fresh)
      changes.push({
        type: 'tree',
        path: path === '' ? name : `${path}/${name}`,
        mayReplace: (directory.left?.get(name) ?? 0) > seq,
      });
    waiting.push(...below);
  }
  return changes;
}

function ownChanges(
  directory: ChangedDirectory,
  path: string,
  seq: number,
  fresh: ReadonlySet<string>,
): readonly Change[] {
  if (directory.listed > seq) return [{ type: 'listing', path }];
  if (directory.names === null || directory.own <= seq) return [];
  const names: string[] = [];
  for (const [name, changed] of directory.names)
    if (changed > seq && !fresh.has(name)) names.push(name);
  return names.length === 0 ? [] : [{ type: 'names', path, names }];
}
