import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction, Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const MOST_CALLS = 200;

async function diverged(direction: Direction, isCapable: boolean): Promise<void> {
  world = await SyncWorld.open({ direction, remote: isCapable ? CAPABLE_REMOTE : {} });
  const master = direction === 'local-to-remote' ? 'local' : 'remote';
  world.write(master, 'same.txt', 'same');
  world.write(master, 'edited.txt', 'before');
  world.write(master, 'gone-here.txt', 'gone here');
  world.write(master, 'dir/gone-there.txt', 'gone there');
  world.write(master, 'dir/sub/f.txt', 'deep');
  world.makeLink(master, 'link', 'dir/sub');
  await world.sync();
  world.write('local', 'edited.txt', 'here');
  world.write('remote', 'edited.txt', 'over there');
  world.remove('local', 'gone-here.txt');
  world.remove('remote', 'dir/gone-there.txt');
  world.write('local', 'only-here.txt', 'only here');
  world.write('remote', 'dir/only-there.txt', 'only there');
}

const ALL = [
  'same',
  'here',
  'over there',
  'gone here',
  'gone there',
  'deep',
  'only here',
  'only there',
];

function contents(side: Side): string[] {
  return Object.values(world.snapshot(side));
}

const CASES = (['two-way', 'remote-to-local', 'local-to-remote'] as const).flatMap((direction) =>
  [false, true].map((isCapable) => ({ direction, isCapable })),
);

describe.each(CASES)(
  'a reset $direction, capable server: $isCapable',
  ({ direction, isCapable }) => {
    it('deletes nothing, loses nothing and finishes, wherever it was cut off', async () => {
      for (let count = 0; ; count++) {
        await diverged(direction, isCapable);
        world.failAfter = count;
        await world.reset().catch(() => undefined);
        const wasCutOff = world.calls.length > count;
        const removed = world.calls.filter(({ operation }) => operation === 'remove');
        expect({ count, removed }).toEqual({ count, removed: [] });
        await world.restart();
        const summary = await world.sync();
        const engine = await world.engine();
        expect({ count, resetting: engine.state.resetting }).toEqual({ count, resetting: false });
        expect(summary.deletedLocal + summary.deletedRemote).toBe(0);
        const found = [...contents('local'), ...contents('remote')];
        expect({ count, lost: ALL.filter((one) => !found.includes(one)) }).toEqual({
          count,
          lost: [],
        });
        if (direction === 'two-way')
          expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
        else {
          const other = direction === 'local-to-remote' ? 'remote' : 'local';
          const master = direction === 'local-to-remote' ? 'local' : 'remote';
          expect(world.snapshot(other)).toMatchObject(world.snapshot(master));
        }
        await world.sync();
        expect({ count, costs: world.costs() }).toEqual({ count, costs: [] });
        if (!wasCutOff) return;
        if (count > MOST_CALLS) throw new Error('no run ended by itself');
        await world.close();
      }
    }, 60_000);
  },
);

describe('a reset', () => {
  it('keeps what an interrupted swap had put aside, and brings it back', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote: CAPABLE_REMOTE });
    world.write('local', 'a', 'one');
    world.write('local', 'b', 'other');
    await world.sync();
    world.move('local', 'a', 't');
    world.move('local', 'b', 'a');
    world.move('local', 't', 'b');
    let moves = 0;
    world.onCall = (_side, operation) => {
      if (operation === 'move' && ++moves === 2)
        throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    await world.restart();
    world.onCall = null;
    await world.reset();
    const hidden = Object.keys(world.snapshot('remote')).filter((path) =>
      path.startsWith('.ferry'),
    );
    expect(hidden).toEqual([]);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('does not forget conflicts that nobody has decided yet', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'mine');
    world.write('remote', 'a', 'theirs');
    await world.sync();
    await world.reset();
    const engine = await world.engine();
    expect(await engine.conflicts()).toHaveLength(1);
  });
});
