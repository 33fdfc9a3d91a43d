import { otherSide, type Side } from '../../core/model/entry.ts';
import type { Plan } from '../../core/reconcile/plan.ts';
import type { Pair } from './pair.ts';
import { destinationOf, masterOf, type World } from './world.ts';

/**
 * Runs the pair and checks what must hold for every run there can be; returns the plan.
 * @throws Error that names the rule that was broken
 */
export function checkRun(pair: Pair, base: World): Plan {
  const before = pair.copy();
  const plan = pair.run();
  if (pair.direction === 'two-way') checkTwoWay(before, pair, base);
  else checkOneWay(before, pair, base, plan);
  checkSecondRun(pair);
  return plan;
}

function ensure(holds: boolean, rule: string): void {
  if (!holds) throw new Error(rule);
}

/** Both sides are equal and hold every version that a user made, and all that nobody touched. */
export function checkTwoWay(before: Pair, after: Pair, base: World): void {
  const picture = JSON.stringify(after.local.picture());
  ensure(picture === JSON.stringify(after.remote.picture()), 'both sides are equal');
  const contents = after.local.contents();
  for (const side of ['local', 'remote'] as const)
    for (const [path, { kind, content }] of before[side].entries()) {
      if (kind === 'directory') continue;
      const recorded = base.get(path);
      const isMade =
        (recorded?.kind !== kind || recorded.content !== content) &&
        !(!before.identities && isMovedByContent(before[side], base, content));
      if (isMade) ensure(contents.has(content), `the ${side} version of ${path} lives on`);
      const other = before[otherSide(side)].get(path);
      const isUntouched = !isMade && other?.kind === kind && other.content === content;
      if (isUntouched) ensure(contents.has(content), `${path}, which nobody touched, lives on`);
    }
}

/** Without identities, a recorded content that vanished at one path and appeared at another has moved. */
function isMovedByContent(world: World, base: World, content: string): boolean {
  return [...base.entries()].some(
    ([path, recorded]) => recorded.content === content && world.get(path)?.kind !== recorded.kind,
  );
}

function checkOneWay(before: Pair, after: Pair, base: World, plan: Plan): void {
  const master: Side = masterOf(after.direction);
  const destination = destinationOf(after.direction);
  ensure(plan.operations[master].length === 0, 'nothing is done to the master');
  const contents = after[destination].contents();
  if (after.policy.mirror)
    ensure(
      JSON.stringify(after[destination].picture()) === JSON.stringify(after[master].picture()),
      'the destination is identical to the master',
    );
  for (const [path, { kind, content }] of before[destination].entries()) {
    if (kind === 'directory' || contents.has(content) || after.policy.mirror) continue;
    const recorded = base.get(path);
    const wasRecorded = recorded?.kind === kind && recorded.content === content;
    const given = before[master].get(path);
    const wasGivenUp = given?.kind !== kind || given.content !== content;
    ensure(wasRecorded && wasGivenUp, `what the destination has at ${path} lives on`);
    ensure(after.policy.deletes === 'propagate' || given !== null, `${path} is kept`);
  }
  for (const [path, { kind, content }] of before[master].entries()) {
    const recorded = base.get(path);
    if (recorded?.kind === kind && recorded.content === content) continue;
    // What only moved takes an edit of the destination along.
    if (!before.identities && isMovedByContent(before[master], base, content)) continue;
    const arrived = after[destination].get(path);
    ensure(
      arrived?.kind === kind && arrived.content === content,
      `what the master made at ${path} arrives`,
    );
  }
}

function checkSecondRun(pair: Pair): void {
  const { operations, nodes, undecided } = pair.plan();
  const again = [...operations.local, ...operations.remote].map(({ op }) => op);
  ensure(again.length === 0, `a second run does nothing, not ${again.join(', ')}`);
  ensure(nodes.length === 0, `a second run records nothing, not ${JSON.stringify(nodes[0])}`);
  ensure(undecided.length === 0, 'a second run asks nothing');
}
