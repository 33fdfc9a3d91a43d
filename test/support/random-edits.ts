import type { Side } from '../../core/model/entry.ts';
import type { Snapshot, SyncWorld } from './sync-world.ts';

const SIDES: readonly Side[] = ['local', 'remote'];

/** Returns a small generator of numbers; the same seed gives the same ones. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

const NAMES = ['a', 'b', 'a/c', 'a/d', 'b/c', 'e', 'e/f/g'];

/** Tells whether something can be put at the path: only directories above it, and nothing there. */
function isFree(tree: Snapshot, path: string): boolean {
  const segments = path.split('/');
  const above = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
  return tree[path] === undefined && above.every((one) => (tree[one] ?? '/') === '/');
}

/** Makes one small edit on either side; what it writes is `mark`. */
export function editAtRandom(
  world: SyncWorld,
  random: (below: number) => number,
  mark: string,
): void {
  const side = SIDES[random(2)] as Side;
  const tree = world.snapshot(side);
  const path = NAMES[random(NAMES.length)] as string;
  const some = Object.keys(tree)[random(Math.max(1, Object.keys(tree).length))];
  const kind = random(5);
  const isFile = tree[path] !== undefined && tree[path] !== '/';
  if (kind <= 1 && (isFile || isFree(tree, path))) world.write(side, path, mark);
  else if (kind === 2 && isFree(tree, path)) world.makeDirectory(side, path);
  else if (kind === 3 && some) world.remove(side, some);
  else if (some && isFree(tree, path) && !path.startsWith(`${some}/`)) world.move(side, some, path);
}
