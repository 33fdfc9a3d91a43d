import { afterEach, describe, expect, it } from '@jest/globals';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { editAtRandom, randomOf } from '../support/random-edits.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

const SEEDS = Number(process.env['FERRY_SEEDS'] ?? 8);

let worlds: SyncWorld[] = [];
afterEach(async () => {
  for (const world of worlds) await world.close();
  worlds = [];
});

async function openWorld(direction: Direction): Promise<SyncWorld> {
  const world = await SyncWorld.open({ direction, remote: { ...CAPABLE_REMOTE, feed: true } });
  worlds.push(world);
  return world;
}

async function settled(): Promise<SyncWorld> {
  const world = await openWorld('two-way');
  for (const path of ['a/one', 'a/two', 'a/b/three', 'c/four', 'five'])
    world.write('local', path, path);
  await world.sync();
  await world.sync();
  return world;
}

/** Returns what the local side was asked to list since; null stands for the whole tree. */
function listingsOf(world: SyncWorld): (readonly string[] | null)[] {
  const { local } = world.sides;
  const asked: (readonly string[] | null)[] = [];
  const observe = local.observe.bind(local);
  local.observe = (options = {}) => {
    asked.push(options.part?.directories ?? null);
    return observe(options);
  };
  return asked;
}

describe('a run for what was hinted at', () => {
  it('lists only the directories in which something was heard to change', async () => {
    const world = await settled();
    const listed = listingsOf(world);
    world.write('local', 'a/b/three', 'THREE');
    expect(await world.sync({ onlyHinted: true })).toMatchObject({ uploaded: 1, complete: true });
    expect(listed).toEqual([['a/b']]);
    await world.sync({ onlyHinted: true });
    expect(listed).toEqual([['a/b']]);
  });

  it('carries over a directory that was moved with what is in it', async () => {
    const world = await settled();
    world.move('local', 'a', 'c/moved');
    expect(await world.sync({ onlyHinted: true })).toMatchObject({ moved: 1, uploaded: 0 });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('takes nothing for deleted that it was not told to look at', async () => {
    const world = await settled();
    const { local } = world.sides;
    const observe = local.observe.bind(local);
    world.remove('remote', 'five');
    local.observe = (options = {}) =>
      options.part === undefined ? observe(options) : (async function* () {})();
    const summary = await world.sync({ onlyHinted: true, allowDeletes: false });
    expect(summary).toMatchObject({ deletedRemote: 0, deletedLocal: 1 });
  });

  it('looks at everything when the run before it failed', async () => {
    const world = await settled();
    world.write('local', 'a/one', 'ONE');
    const { remote } = world.sides;
    const identify = remote.identify.bind(remote);
    remote.identify = async () => {
      throw new FerryError('REMOTE_UNREACHABLE', 'away');
    };
    await expect(world.sync({ onlyHinted: true })).rejects.toThrow('away');
    remote.identify = identify;
    const listed = listingsOf(world);
    await world.sync({ onlyHinted: true });
    expect(listed).toEqual([null]);
    expect(world.snapshot('remote')['a/one']).toBe('ONE');
  });

  it('looks at everything in the first run of a process', async () => {
    const world = await settled();
    await world.restart();
    const listed = listingsOf(world);
    await world.sync({ onlyHinted: true });
    expect(listed).toEqual([null]);
  });

  it('is not robbed of its hints by a dry run', async () => {
    const world = await settled();
    world.write('local', 'a/one', 'ONE');
    await world.sync({ dryRun: true });
    await world.sync({ onlyHinted: true });
    expect(world.snapshot('remote')['a/one']).toBe('ONE');
  });

  it.each(DIRECTIONS)(
    'does what a run over everything does (%s)',
    async (direction) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const pair = [await openWorld(direction), await openWorld(direction)] as const;
        for (let round = 0; round < 6; round++) {
          for (const [index, world] of pair.entries()) {
            const random = randomOf(seed * 10 + round);
            for (let count = 0; count < 3; count++)
              editAtRandom(world, random, `${seed}.${round}.${count}`);
            await world.sync({ onlyHinted: index === 0 });
          }
          const [hinted, whole] = pair.map((world) => [
            world.snapshot('local'),
            world.snapshot('remote'),
            [...world.costs()].sort(),
          ]);
          expect({ seed, round, result: hinted }).toEqual({ seed, round, result: whole });
        }
        for (const world of worlds.splice(0)) await world.close();
      }
    },
    60_000,
  );
});
