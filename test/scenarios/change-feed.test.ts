import { afterEach, describe, expect, it } from '@jest/globals';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { MemoryReplica, MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import { editAtRandom, randomOf } from '../support/random-edits.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

const SEEDS = Number(process.env['FERRY_SEEDS'] ?? 12);

let worlds: SyncWorld[] = [];
afterEach(async () => {
  for (const world of worlds) await world.close();
  worlds = [];
});

async function openWorld(
  direction: Direction,
  remote: MemoryReplicaOptions = { feed: true },
): Promise<SyncWorld> {
  const world = await SyncWorld.open({ direction, remote: { ...CAPABLE_REMOTE, ...remote } });
  worlds.push(world);
  return world;
}

function fill(world: SyncWorld): void {
  const side = world.direction === 'local-to-remote' ? 'local' : 'remote';
  for (const path of ['a/one', 'a/two', 'a/b/three', 'c/four', 'five'])
    world.write(side, path, path);
}

/** Returns the directories that a replica was asked to list since; null stands for the whole tree. */
function listingsOf(replica: MemoryReplica): (readonly string[] | null)[] {
  const asked: (readonly string[] | null)[] = [];
  const observe = replica.observe.bind(replica);
  replica.observe = (options = {}) => {
    asked.push(options.part?.directories ?? null);
    return observe(options);
  };
  return asked;
}

describe('a run with a remote that tells what has changed', () => {
  it.each(DIRECTIONS)('lists nothing when nothing has changed (%s)', async (direction) => {
    const world = await openWorld(direction);
    fill(world);
    await world.sync();
    const listed = listingsOf(world.sides.remote);
    expect((await world.sync()).complete).toBe(true);
    await world.restart();
    expect((await world.sync()).complete).toBe(true);
    expect(listed).toEqual([]);
    expect(world.costs()).toEqual([]);
  });

  it('lists nothing to learn that its own uploads, moves and deletions have come back', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    const listed = listingsOf(world.sides.remote);
    world.write('local', 'a/one', 'edited');
    world.write('local', 'new/deep/file', 'new');
    world.remove('local', 'c/four');
    world.move('local', 'five', 'a/b/five');
    await world.sync();
    expect((await world.sync()).complete).toBe(true);
    expect(world.costs()).toEqual([]);
    expect(listed).toEqual([]);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('lists nothing in runs that follow each other, each with an edit elsewhere', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    await world.sync();
    const listed = listingsOf(world.sides.remote);
    for (const path of ['a/one', 'a/b/three', 'c/four', 'five']) {
      world.write('local', path, `${path} again`);
      await world.sync();
      await world.sync();
    }
    expect(listed).toEqual([]);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('takes over edits, new directories, moves and deletions of others without listing anything', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    const listed = listingsOf(world.sides.remote);
    world.write('remote', 'a/one', 'edited');
    world.write('remote', 'new/deep/file', 'new');
    world.move('remote', 'five', 'a/b/five');
    world.remove('remote', 'c');
    const summary = await world.sync();
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
    expect(summary).toMatchObject({ downloaded: 2, moved: 1, deletedLocal: 2 });
    await world.sync();
    expect(listed).toEqual([]);
  });

  it('takes over the move of a directory, with what changed in it, for a move', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    world.move('remote', 'a', 'z');
    world.write('remote', 'z/b/three', 'THREE');
    const summary = await world.sync();
    expect(summary).toMatchObject({ moved: 1, downloaded: 1, deletedLocal: 0 });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('carries on with what an earlier run could not do, although the feed does not speak of it again', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    world.write('remote', 'a/one', 'edited');
    world.onCall = (side, operation, path) => {
      if (side === 'local' && operation === 'write')
        throw new FerryError('LOCAL_NO_SPACE', `${path}: no room`);
    };
    expect((await world.sync()).problems).toHaveLength(1);
    world.onCall = null;
    await world.restart();
    await world.sync();
    expect(world.snapshot('local')['a/one']).toBe('edited');
  });

  it('carries on after it was cut off at any call', async () => {
    for (let cut = 0; cut < 12; cut++) {
      const world = await openWorld('two-way');
      fill(world);
      await world.sync();
      world.write('remote', 'a/one', 'edited');
      world.write('remote', 'a/new', 'new');
      world.write('local', 'a/b/three', 'THREE');
      world.move('remote', 'c', 'a/c');
      world.failAfter = cut;
      await world.sync().catch(() => undefined);
      await world.restart();
      await world.sync();
      await world.sync();
      expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
      expect(world.snapshot('local')).toMatchObject({ 'a/c/four': 'c/four', 'a/one': 'edited' });
    }
  });

  it('looks at everything when the cursor is refused, and deletes what was deleted meanwhile', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    world.remove('remote', 'a/one');
    world.sides.remote.journal?.expire();
    const listed = listingsOf(world.sides.remote);
    await world.sync();
    expect(listed).toEqual([null]);
    expect(world.snapshot('local')['a/one']).toBeUndefined();
    await world.sync();
    expect(listed).toEqual([null]);
  });
});

describe('a remote that has begun to count its changes anew', () => {
  async function restored(): Promise<SyncWorld> {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    world.remove('remote', 'a');
    world.move('remote', 'c/four', 'four');
    world.sides.remote.journal?.beginAnew();
    return world;
  }

  it('makes nothing go that is missing on it, and says so in each run', async () => {
    const world = await restored();
    for (let run = 0; run < 3; run++) {
      const { problems, deletedLocal } = await world.sync({ allowDeletes: false });
      expect(deletedLocal).toBe(0);
      expect(problems.map(({ path, code }) => [path, code])).toEqual([['a', 'GUARD_STOPPED']]);
      expect(problems[0]?.message).toContain('--allow-deletes');
    }
    expect(world.snapshot('local')).toMatchObject({ 'a/b/three': 'a/b/three', four: 'c/four' });
  });

  it('is believed again by a run that lets deletions through', async () => {
    const world = await restored();
    await world.sync({ allowDeletes: false });
    await world.sync({ allowDeletes: true });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
    world.remove('remote', 'five');
    await world.sync({ allowDeletes: false });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('is believed at once when nothing is missing', async () => {
    const world = await openWorld('two-way');
    fill(world);
    await world.sync();
    world.sides.remote.journal?.beginAnew();
    expect((await world.sync({ allowDeletes: false })).problems).toEqual([]);
    world.remove('remote', 'five');
    await world.sync({ allowDeletes: false });
    expect(world.snapshot('local')['five']).toBeUndefined();
  });
});

/** Makes the same edits in both worlds, runs both, and returns what differs. */
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
    if (round === 3 && seed % 3 === 0) world.sides.remote.journal?.expire();
  }
  const [following, looking] = pair.map((world) => ({
    costs: [...world.costs()].sort(),
    local: world.snapshot('local'),
    remote: world.snapshot('remote'),
  }));
  const isSame = JSON.stringify(following) === JSON.stringify(looking);
  return isSame ? null : { seed, round, following, looking };
}

describe('following a feed', () => {
  it.each(DIRECTIONS)(
    'changes nothing in what runs do (%s)',
    async (direction) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const looking = { fingerprints: false };
        const pair = [await openWorld(direction), await openWorld(direction, looking)] as const;
        for (let round = 0; round < 6; round++)
          expect(await differences(pair, seed, round)).toBeNull();
        for (const world of worlds.splice(0)) await world.close();
      }
    },
    60_000,
  );
});
