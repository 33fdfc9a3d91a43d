import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction, Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { TEMPORARY_PREFIX } from '../../core/model/path.ts';
import { CAPABLE_REMOTE, type Snapshot, SyncWorld } from '../support/sync-world.ts';

const SEEDS = Number(process.env['FERRY_SEEDS'] ?? 25);
const FIRST_SEED = Number(process.env['FERRY_SEED'] ?? 1);
const NAMES = ['a', 'b', 'c', 'd'];

let world: SyncWorld;
afterEach(() => world.close());

/** Mulberry32: small, seeded, good enough to pick edits. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomOf>;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T;
}

function randomPath(random: Random): string {
  const depth = 1 + random(3);
  return Array.from({ length: depth }, () => pick(random, NAMES)).join('/');
}

function ancestorsAreDirectories(tree: Snapshot, path: string): boolean {
  const segments = path.split('/').slice(0, -1);
  return segments.every((_, index) => {
    const above = tree[segments.slice(0, index + 1).join('/')];
    return above === undefined || above === '/';
  });
}

let version = 0;

function edit(random: Random, side: Side): void {
  const tree = world.snapshot(side);
  const existing = Object.keys(tree);
  const kind = random(14);
  if (kind < 4 || existing.length === 0) writeSomething(random, side, tree);
  else if (kind < 6) world.remove(side, pick(random, existing));
  else if (kind < 9) moveSomething(random, side, tree);
  else if (kind === 10) swapTwo(random, side, tree);
  else if (kind === 11) changeKind(random, side, pick(random, existing), tree);
  else if (kind === 12) touch(random, side, pick(random, existing), tree);
  else if (kind === 13) link(random, side, tree);
  else {
    const path = randomPath(random);
    if (tree[path] === undefined && ancestorsAreDirectories(tree, path))
      world.makeDirectory(side, path);
  }
}

function writeSomething(random: Random, side: Side, tree: Snapshot): void {
  const existing = Object.keys(tree);
  const path = random(2) === 0 && existing.length > 0 ? pick(random, existing) : randomPath(random);
  if (tree[path] === '/' || !ancestorsAreDirectories(tree, path)) return;
  world.write(side, path, `${side} ${version++} ${'x'.repeat(random(4))}`);
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function isLink(content: string | undefined): boolean {
  return content?.startsWith('-> ') === true;
}

function swapTwo(random: Random, side: Side, tree: Snapshot): void {
  const [one, other] = [pick(random, Object.keys(tree)), pick(random, Object.keys(tree))];
  if (isBelow(one, other) || isBelow(other, one)) return;
  world.move(side, one, 'swapped');
  world.move(side, other, one);
  world.move(side, 'swapped', other);
}

function changeKind(random: Random, side: Side, path: string, tree: Snapshot): void {
  world.remove(side, path);
  const isDirectory = tree[path] === '/';
  if (isDirectory || random(2) === 0) world.write(side, path, `${side} kind ${version++}`);
  else world.write(side, `${path}/${pick(random, NAMES)}`, `${side} kind ${version++}`);
}

function touch(random: Random, side: Side, path: string, tree: Snapshot): void {
  const content = tree[path] ?? '/';
  if (content === '/' || isLink(content)) return;
  world.write(side, path, content, { mtimeNs: BigInt(random(1000)), mode: 0o600 + random(64) });
}

function link(random: Random, side: Side, tree: Snapshot): void {
  const path = randomPath(random);
  if (!ancestorsAreDirectories(tree, path) || (tree[path] !== undefined && !isLink(tree[path])))
    return;
  world.makeLink(side, path, `target ${side} ${version++}`);
}

function moveSomething(random: Random, side: Side, tree: Snapshot): void {
  const from = pick(random, Object.keys(tree));
  const to = randomPath(random);
  if (to === from || to.startsWith(`${from}/`) || tree[to] === '/') return;
  if (!ancestorsAreDirectories(tree, to)) return;
  if (tree[from] === '/' && tree[to] !== undefined) return;
  world.move(side, from, to);
}

function contents(...trees: Snapshot[]): Set<string> {
  return new Set(trees.flatMap((tree) => Object.values(tree)).filter((content) => content !== '/'));
}

function expectNothingLost(known: Set<string>, before: readonly Snapshot[], label: string): void {
  const after = contents(world.snapshot('local'), world.snapshot('remote'));
  const lost = [...contents(...before)].filter((one) => !known.has(one) && !after.has(one));
  if (lost.length > 0) throw new Error(`${label}: lost ${JSON.stringify(lost)}`);
}

async function expectSettled(direction: Direction, label: string): Promise<void> {
  const local = world.snapshot('local');
  const remote = world.snapshot('remote');
  if (direction === 'two-way' && JSON.stringify(sorted(local)) !== JSON.stringify(sorted(remote)))
    throw new Error(`${label}: sides differ ${JSON.stringify({ local, remote }, null, 1)}`);
  for (const path of [...Object.keys(local), ...Object.keys(remote)])
    if (path.includes(TEMPORARY_PREFIX)) throw new Error(`${label}: ${path} was left`);
  await world.sync();
  const costs = world
    .costs()
    .filter((call) => !call.startsWith('read local') || direction === 'two-way');
  if (costs.length > 0) throw new Error(`${label}: second run did ${costs.join(', ')}`);
}

function sorted(tree: Snapshot): Snapshot {
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const CASES = (['two-way', 'remote-to-local', 'local-to-remote'] as const).flatMap((direction) =>
  (['plain', 'capable'] as const).map((remote) => ({ direction, remote })),
);

/** One round: some edits, sometimes a run that is cut off, then a run that must put everything right. */
async function playRound(
  random: Random,
  direction: Direction,
  known: Set<string>,
  label: string,
): Promise<void> {
  for (let count = random(7); count > 0; count--) edit(random, pick(random, ['local', 'remote']));
  const before = { local: world.snapshot('local'), remote: world.snapshot('remote') };
  const both = [before.local, before.remote];
  if (random(3) === 0) {
    world.failAfter = random(30);
    await world.sync().catch(() => undefined);
    await world.restart();
    expectNothingLost(known, both, `${label} cut off`);
  }
  if (random(4) === 0) {
    const code = pick(random, ['CHANGED', 'LOCAL_PERMISSION'] as const);
    world.onCall = (_side, operation, path) => {
      if (operation === 'read' && random(2) === 0) throw new FerryError(code, 'refused', { path });
    };
    await world.sync();
    world.onCall = null;
    expectNothingLost(known, both, `${label} with failing reads`);
  }
  await world.sync();
  expectNothingLost(known, both, label);
  if (direction !== 'two-way') {
    const master: Side = direction === 'local-to-remote' ? 'local' : 'remote';
    expect(sorted(world.snapshot(master))).toEqual(sorted(before[master]));
  }
  await expectSettled(direction, label);
}

describe.each(CASES)(
  'random edits on both sides, $direction, $remote server',
  ({ direction, remote }) => {
    it(`lose nothing and settle (${SEEDS} seeds from ${FIRST_SEED}, also when cut off)`, async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const random = randomOf(seed);
        world = await SyncWorld.open({
          direction,
          remote: remote === 'capable' ? CAPABLE_REMOTE : {},
        });
        let known = new Set<string>();
        for (let round = 0; round < 4; round++) {
          await playRound(random, direction, known, `seed ${seed} round ${round}`);
          known = contents(world.snapshot('local'), world.snapshot('remote'));
        }
        await world.close();
      }
    }, 600_000);
  },
);
