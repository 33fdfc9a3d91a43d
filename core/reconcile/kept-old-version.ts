import { otherSide } from '../model/entry.ts';
import { childPath } from '../model/path.ts';
import { contentChange, isMoved, type Looks } from './change.ts';
import { addNode, claim, type Forest, type Node, SIDES, type Spot } from './tree.ts';

/**
 * Lets a file that an editor saved anew go on where it was. Some editors rename the old version and write the new one
 * under the old name: by identity the file has moved. Where the other side has edited it meanwhile, that edit belongs
 * to what has the name now, and the renamed version is a new file. Can be called again.
 */
export function followNames(forest: Forest, looks: Looks): void {
  for (const node of [...forest.nodes])
    for (const side of SIDES) {
      const { base, spots } = node;
      const away = spots[side];
      if (base?.kind !== 'file' || !away || !spots[otherSide(side)] || node.frozen) continue;
      if (!isMoved(node, side) || isMoved(node, otherSide(side))) continue;
      const successor = successorOf(node, forest, spots[side]);
      if (successor === null) continue;
      const change = contentChange(node, otherSide(side));
      if (change === 'unknown') looks.ask(spots[otherSide(side)], 'base');
      if (change === 'equal') continue;
      exchange(forest, node, { away, successor });
    }
}

/** Returns the new file of that side at the recorded place. */
function successorOf({ base, baseParent }: Node, forest: Forest, away: Spot | null): Spot | null {
  const directory = away && baseParent?.spots[away.side];
  if (!directory || !base) return null;
  const spot = forest.spots[away.side].get(childPath(directory.path, base.name));
  const isNew = spot?.owner.base === null && spot.owner.spots[otherSide(away.side)] === null;
  return isNew && spot.seen?.kind === 'file' && !spot.owner.frozen ? spot : null;
}

function exchange(
  forest: Forest,
  node: Node,
  { away, successor }: Record<'away' | 'successor', Spot>,
): void {
  const { side } = away;
  successor.owner.spots[side] = null;
  successor.owner.changes[side] = 'none';
  claim(node, successor);
  node.changes[side] = contentChange(node, side) === 'equal' ? 'none' : 'modified';
  const renamed = addNode(forest.nodes, 'file');
  claim(renamed, away);
  renamed.changes[side] = 'new';
}
