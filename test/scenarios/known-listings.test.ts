import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction, Side } from '../../core/model/entry.ts';
import type { MemoryReplica } from '../../remotes/memory/memory-replica.ts';
import { editAtRandom, randomOf } from '../support/random-edits.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

const SEEDS = Number(process.env['FERRY_SEEDS'] ?? 6);
const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];
const SIDES: readonly Side[] = ['local', 'remote'];

let worlds: SyncWorld[] = [];
afterEach(async () => {
  for (const world of worlds) await world.close();
  worlds = [];
});

async function openWorld(direction: Direction, fingerprints = true): Promise<SyncWorld> {
  const world = await SyncWorld.open({
    direction,
    local: { fingerprints },
    remote: { ...CAPABLE_REMOTE, fingerprints },
  });
  worlds.push(world);
  return world;
}

/** Counts the entries that a replica yields from now on. */
function countYielded(replica: MemoryReplica): () => number {
  let count = 0;
  const observe = replica.observe.bind(replica);
  replica.observe = async function* (options) {
    for await (const batch of observe(options)) {
      count += batch.length;
      yield batch;
    }
  };
  return () => count;
}

function fill(world: SyncWorld, side: Side): void {
  for (const path of ['a/one', 'a/two', 'a/b/three', 'c/four', 'five'])
    world.write(side, path, path);
}

describe('a run over directories that are as they were', () => {
  it.each(DIRECTIONS)('looks into none of them (%s)', async (direction) => {
    const world = await openWorld(direction);
    fill(world, direction === 'local-to-remote' ? 'local' : 'remote');
    await world.sync();
    await world.sync();
    const counts = SIDES.map((side) => countYielded(world.sides[side]));
    const summary = await world.sync();
    expect(counts.map((count) => count())).toEqual([0, 0]);
    expect(summary.complete).toBe(true);
    expect(world.costs()).toEqual([]);
  });

  it('finds one edit deep below, and yields only its directory', async () => {
    const world = await openWorld('two-way');
    fill(world, 'local');
    await world.sync();
    await world.sync();
    const count = countYielded(world.sides.local);
    world.write('local', 'a/b/three', 'THREE');
    await world.sync();
    expect(count()).toBe(1);
    expect(world.snapshot('remote')['a/b/three']).toBe('THREE');
  });

  it('looks into all of them again when other names are ignored', async () => {
    const world = await openWorld('two-way');
    fill(world, 'local');
    await world.sync();
    await world.sync();
    world.configure({ ignore: ['two'] });
    await world.restart();
    const count = countYielded(world.sides.local);
    await world.sync();
    expect(count()).toBeGreaterThan(0);
    expect(world.snapshot('remote')['a/two']).toBe('a/two');
  });

  it('keeps a directory with an ignored file that the other side has removed', async () => {
    const world = await openWorld('two-way');
    fill(world, 'local');
    world.write('local', 'c/Thumbs.db', 'ignored');
    await world.sync();
    await world.sync();
    world.remove('remote', 'c');
    await world.sync();
    expect(world.snapshot('local')).toMatchObject({ 'c/Thumbs.db': 'ignored' });
    expect(world.snapshot('local')['c/four']).toBeUndefined();
    expect((await world.sync()).complete).toBe(true);
  });

  it('takes nothing for deleted in a directory that a side forgets to list', async () => {
    const world = await openWorld('two-way');
    fill(world, 'local');
    await world.sync();
    await world.sync();
    const { remote } = world.sides;
    const observe = remote.observe.bind(remote);
    const isBelow = (path: string): boolean => path === 'a/b' || path.startsWith('a/b/');
    remote.observe = (options = {}) => {
      const { listings } = options;
      return observe({
        ...options,
        isIgnored: (path, isDirectory) =>
          isBelow(path) || options.isIgnored?.(path, isDirectory) === true,
        onIgnored: () => undefined,
        ...(listings === undefined ? {} : { listings }),
      });
    };
    const summary = await world.sync();
    expect(summary.deletedLocal).toBe(0);
    expect(summary.problems.map(({ path }) => path)).toEqual(['a/b']);
    expect(world.snapshot('local')['a/b/three']).toBe('a/b/three');
  });

  it('still says of a conflict that it is there, in a directory where nothing changes', async () => {
    const world = await openWorld('two-way');
    fill(world, 'local');
    await world.sync();
    world.write('local', 'c/four', 'mine');
    world.write('remote', 'c/four', 'theirs');
    for (let round = 0; round < 4; round++) await world.sync();
    expect((await (await world.engine()).conflicts()).map(({ path }) => path)).toEqual(['c/four']);
  });
});

/** Makes the same edits in both worlds and runs both; returns what differs. */
async function differences(
  pair: readonly [SyncWorld, SyncWorld],
  seed: number,
  round: number,
): Promise<unknown> {
  for (const world of pair) {
    const random = randomOf(seed * 10 + round);
    for (let count = 0; count < 3; count++)
      editAtRandom(world, random, `${seed}.${round}.${count}`);
    await world.sync();
    if (round === 2) await world.restart();
  }
  const [knowing, looking] = pair.map((world) => ({
    costs: world.costs(),
    local: world.snapshot('local'),
    remote: world.snapshot('remote'),
  }));
  const isSame = JSON.stringify(knowing) === JSON.stringify(looking);
  return isSame ? null : { seed, round, knowing, looking };
}

describe('knowing listings', () => {
  it.each(DIRECTIONS)(
    'changes nothing in what runs do (%s)',
    async (direction) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const pair = [await openWorld(direction), await openWorld(direction, false)] as const;
        for (let round = 0; round < 4; round++)
          expect(await differences(pair, seed, round)).toBeNull();
        for (const world of worlds.splice(0)) await world.close();
      }
    },
    60_000,
  );
});
