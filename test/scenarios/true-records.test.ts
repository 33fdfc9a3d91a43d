import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

async function expectQuiet(): Promise<void> {
  const summary = await world.sync();
  expect(world.costs()).toEqual([]);
  expect(summary.complete).toBe(true);
}

describe('the records', () => {
  it('forget a whole directory that was deleted on both sides, so that a new one of its name is not deleted', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'dir/sub/deep/f', 'content');
    world.write('local', 'other', 'other');
    await world.sync();
    for (const side of ['local', 'remote'] as const) world.remove(side, 'dir');
    await world.sync();
    expect((await world.engine()).state.recordedEntries).toBe(1);
    world.makeDirectory('local', 'dir');
    await world.sync();
    expect(world.snapshot('local')).toEqual({ dir: '/', other: 'other' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('forget a deleted directory from which a file was moved away', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote: CAPABLE_REMOTE });
    world.write('local', 'dir/f', 'content');
    await world.sync();
    world.move('local', 'dir/f', 'f');
    world.remove('local', 'dir');
    await world.sync();
    expect((await world.engine()).state.recordedEntries).toBe(1);
    world.makeDirectory('remote', 'dir');
    await world.sync();
    expect(world.snapshot('local')).toEqual({ dir: '/', f: 'content' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('say that a mirror is not the same yet when it was cut off between a move and the content', async () => {
    world = await SyncWorld.open({
      direction: 'remote-to-local',
      remote: CAPABLE_REMOTE,
      settings: { mirror: true },
    });
    world.write('remote', 'a', 'content');
    await world.sync();
    world.move('remote', 'a', 'b');
    world.write('local', 'a', 'changed');
    world.onCall = (_side, operation) => {
      if (operation === 'write') throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    await world.restart();
    world.onCall = null;
    await world.sync();
    expect(world.snapshot('local')).toEqual({ b: 'content' });
    await expectQuiet();
  });
});

describe('times that are taken as proof', () => {
  it('prove nothing about a file that was synced before', async () => {
    const mtimeNs = 1_700_000_000_000_000_000n;
    world = await SyncWorld.open({ direction: 'local-to-remote', settings: { trustTimes: true } });
    world.write('local', 'volume', 'before', { mtimeNs });
    world.write('remote', 'volume', 'before', { mtimeNs });
    await world.sync();
    expect(world.costs()).toEqual([]);
    world.write('local', 'volume', 'after!', { mtimeNs });
    await world.sync();
    expect(world.snapshot('remote')).toEqual({ volume: 'after!' });
    await expectQuiet();
  });
});

describe('a change of the direction', () => {
  it.each<readonly [Direction, Direction, 'local' | 'remote']>([
    ['remote-to-local', 'two-way', 'local'],
    ['local-to-remote', 'two-way', 'remote'],
    ['remote-to-local', 'local-to-remote', 'local'],
    ['local-to-remote', 'remote-to-local', 'remote'],
  ])(
    'from %s to %s deletes nothing for what was removed on the %s side before',
    async (before, after, destination) => {
      world = await SyncWorld.open({ direction: before });
      const master = destination === 'local' ? 'remote' : 'local';
      world.write(master, 'kept', 'kept');
      world.write(master, 'dir/removed', 'removed on the destination');
      await world.sync();
      world.remove(destination, 'dir');
      await world.sync();
      await world.restart();
      world.direction = after;
      const summary = await world.sync();
      expect(summary.deletedLocal + summary.deletedRemote).toBe(0);
      expect(world.snapshot(master)).toMatchObject({ 'dir/removed': 'removed on the destination' });
      await expectQuiet();
      world.remove(after === 'remote-to-local' ? 'remote' : 'local', 'kept');
      await world.sync();
      expect(world.snapshot(after === 'remote-to-local' ? 'local' : 'remote')).not.toHaveProperty(
        'kept',
      );
    },
  );
});
