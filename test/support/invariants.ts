import { otherSide, type Side } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Plan } from '../../core/reconcile/plan.ts';
import type { Pair } from './pair.ts';
import { destinationOf, givesIdentities, type Item, masterOf, type World } from './world.ts';

const SIDES: readonly Side[] = ['local', 'remote'];

/**
 * Runs the pair and checks what must hold for every run there can be; returns the plan.
 * @throws Error that names the rule that was broken
 */
export function checkRun(pair: Pair, base: World): Plan {
  const before = pair.copy();
  const plan = pair.run();
  if (pair.direction === 'two-way') {
    checkTwoWay(before, pair, base);
    checkRecords(pair);
  } else checkOneWay(before, pair, base, plan);
  if (pair.identities === true) checkDirectories(before, pair, base);
  checkOneSided(before, pair, base, plan);
  if (pair.identities !== true && isSame(before.local, before.remote)) {
    // Directories are swapped without anybody seeing it in them.
    const files = new Set(plan.nodes.filter(({ kind }) => kind === 'file').map(({ key }) => key));
    const steps = [...plan.operations.local, ...plan.operations.remote];
    const touched = steps.filter(({ key }) => files.has(key)).length;
    ensure(touched === 0, 'no file is touched where both sides are equal already');
  }
  checkSecondRun(pair);
  return plan;
}

/**
 * Checks that nothing was lost between two states of a pair, however many runs lie between them.
 * @throws Error that names the rule that was broken
 */
export function checkKept(before: Pair, after: Pair, base: World): void {
  if (after.direction === 'two-way') {
    checkTwoWay(before, after, base);
    return;
  }
  const destination = destinationOf(after.direction);
  const master = masterOf(after.direction);
  ensure(isSame(before[master], after[master]), 'the master stays as it was');
  const contents = after[destination].contents();
  for (const [path, { kind, content }] of madeOn(before, destination, base))
    ensure(kind === 'directory' || contents.has(content), `${path} of the destination lives on`);
  for (const [path, { kind, content }] of madeOn(before, master, base))
    ensure(kind === 'directory' || contents.has(content), `${path} of the master arrives`);
}

function ensure(holds: boolean, rule: string): void {
  if (!holds) throw new Error(rule);
}

/** Both sides are equal and hold every version that a user made, and all that nobody touched. */
function checkTwoWay(before: Pair, after: Pair, base: World): void {
  const picture = JSON.stringify(after.local.picture());
  ensure(picture === JSON.stringify(after.remote.picture()), 'both sides are equal');
  const contents = after.local.contents();
  for (const side of SIDES)
    for (const [path, { kind, content }] of madeOn(before, side, base))
      ensure(
        kind === 'directory' || contents.has(content),
        `the ${side} version of ${path} lives on`,
      );
  const [here, there] = SIDES.map((side) => before[side].contents());
  for (const [path, { kind, content }] of base.entries())
    if (kind === 'file' && here?.has(content) && there?.has(content) && isOnlyOne(base, content))
      ensure(contents.has(content), `${path}, which both sides have kept, lives on`);
}

/** Tells whether one file alone has the content, so that it can be followed wherever it was moved. */
function isOnlyOne(base: World, content: string): boolean {
  return [...base.entries()].filter(([, one]) => one.content === content).length === 1;
}

/** A directory goes only from where its user, or the other side's, has taken it away. */
function checkDirectories(before: Pair, after: Pair, base: World): void {
  if (after.policy.mirror) return;
  const [here, there, ...both] = [before.local, before.remote, after.local, after.remote].map(
    (world) => new Set([...world.entries()].map(([, { identity }]) => identity)),
  );
  for (const [path, { kind, identity }] of base.entries()) {
    if (kind !== 'directory' || !here?.has(identity) || !there?.has(identity)) continue;
    const lives = both.every((side) => side.has(identity));
    ensure(lives, `the directory ${path}, which both sides have kept, lives on`);
  }
}

/** The records say what both sides hold now, and what each side calls it by. */
function checkRecords(pair: Pair): void {
  let count = 0;
  for (const [path, { kind, content, identity }] of pair.local.entries()) {
    const record = pair.recordAt(path);
    count++;
    ensure(record?.kind === kind && record.content === content, `${path} is recorded`);
    if (!pair.identities) continue;
    const there = pair.remote.get(path)?.identity;
    const isCurrent =
      record?.identity.local === identity &&
      (pair.identities === 'local' || record.identity.remote === there);
    ensure(isCurrent, `${path} is recorded with what it is called by`);
  }
  ensure(count === pair.records.size, 'nothing else is recorded');
}

/** Yields what somebody made or changed on that side since the records were written. */
function* madeOn(pair: Pair, side: Side, base: World): Iterable<readonly [SyncPath, Item]> {
  const knows = givesIdentities(pair.identities, side);
  const recorded = new Map([...base.entries()].map(([, one]) => [one.identity, one]));
  for (const [path, one] of pair[side].entries()) {
    const known = knows ? recorded.get(one.identity) : base.get(path);
    if (known?.kind === one.kind && known.content === one.content) continue;
    if (!knows && isMovedByContent(pair[side], base, one.content)) continue;
    yield [path, one];
  }
}

/** Without identities, a recorded content that vanished at one path and appeared at another has moved. */
function isMovedByContent(world: World, base: World, content: string): boolean {
  return [...base.entries()].some(
    ([path, recorded]) => recorded.content === content && world.get(path)?.content !== content,
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
  const given = new Map([...before[master].entries()].map(([, one]) => [one.identity, one]));
  const made = new Map(madeOn(before, destination, base));
  for (const [path, { kind, content, identity }] of before[destination].entries()) {
    if (kind === 'directory' || contents.has(content) || after.policy.mirror) continue;
    const source = before[master].get(path);
    ensure(!made.has(path), `what the destination has made at ${path} lives on`);
    const same = before.identities === true ? given.get(identity) : source;
    ensure(same?.content !== content, `${path} is not given up by the master and lives on`);
    ensure(after.policy.deletes === 'propagate' || source?.kind === kind, `${path} is kept`);
  }
  for (const [path, { kind, content }] of madeOn(before, master, base)) {
    // A directory that was made anew at the same place is the same one to everybody.
    if (kind === 'directory' && base.get(path)?.kind === kind) continue;
    const arrived = after[destination].get(path);
    ensure(
      arrived?.kind === kind && arrived.content === content,
      `what the master made at ${path} arrives`,
    );
  }
}

/** What only one side did is done on the other one, no more and no less. */
function checkOneSided(before: Pair, after: Pair, base: World, plan: Plan): void {
  if (before.policy.deletes !== 'propagate') return;
  for (const quiet of SIDES) {
    const busy = otherSide(quiet);
    if (!isUntouched(before[quiet], base)) continue;
    if (before.direction === 'two-way' || masterOf(before.direction) === busy) {
      ensure(plan.operations[busy].length === 0, `nothing is done to the ${busy} side`);
      ensure(isSame(after[quiet], before[busy]), `the ${quiet} side becomes as the ${busy} one`);
    } else if (!before.policy.mirror)
      ensure(plan.operations[busy].length === 0, 'a quiet master changes nothing');
  }
}

function isUntouched(world: World, base: World): boolean {
  const isThere = ([path, { identity }]: readonly [SyncPath, Item]) =>
    base.get(path)?.identity === identity;
  return isSame(world, base) && [...world.entries()].every(isThere);
}

function isSame(one: World, other: World): boolean {
  return JSON.stringify(one.picture()) === JSON.stringify(other.picture());
}

function checkSecondRun(pair: Pair): void {
  const { operations, nodes, undecided } = pair.plan();
  const again = [...operations.local, ...operations.remote].map(({ op }) => op);
  ensure(again.length === 0, `a second run does nothing, not ${again.join(', ')}`);
  ensure(nodes.length === 0, `a second run records nothing, not ${JSON.stringify(nodes[0])}`);
  ensure(undecided.length === 0, 'a second run asks nothing');
}
