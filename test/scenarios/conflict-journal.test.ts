import { afterEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

async function editedOnBothSides(name = 'a.txt'): Promise<void> {
  world = await SyncWorld.open({ direction: 'two-way' });
  world.write('local', name, 'base');
  await world.sync();
  world.write('local', name, 'mine');
  world.write('remote', name, 'theirs');
}

describe('a conflict', () => {
  it('is still known when its copy could not be uploaded', async () => {
    await editedOnBothSides();
    world.onCall = (side, operation, path) => {
      if (side === 'remote' && operation === 'write')
        throw new FerryError('REMOTE_QUOTA', 'no room', { path });
    };
    const summary = await world.sync();
    expect(summary.conflicts).toHaveLength(1);
    world.onCall = null;
    await world.sync();
    expect(await (await world.engine()).conflicts()).toHaveLength(1);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('is not listed when its copy was never made', async () => {
    await editedOnBothSides();
    world.onCall = (_side, operation, path) => {
      if (operation === 'move') throw new FerryError('LOCAL_PERMISSION', 'refused', { path });
    };
    const summary = await world.sync();
    expect(summary.conflicts).toEqual([]);
    expect(await (await world.engine()).conflicts()).toEqual([]);
    expect(world.snapshot('local')).toEqual({ 'a.txt': 'mine' });
  });

  it('ends when its copy was deleted by hand', async () => {
    await editedOnBothSides();
    const { conflicts } = await world.sync();
    world.remove('local', conflicts[0]?.copyPath ?? '');
    await world.sync();
    expect(await (await world.engine()).conflicts()).toEqual([]);
    expect(world.snapshot('remote')).toEqual({ 'a.txt': 'theirs' });
  });

  it('is found again after a restart, whatever its name begins with', async () => {
    await editedOnBothSides('😀.txt');
    await world.sync();
    await world.restart();
    expect(await (await world.engine()).conflicts()).toHaveLength(1);
  });

  it.each(['local', 'remote'] as const)(
    'between a directory and a file ends by keeping %s',
    async (keep) => {
      world = await SyncWorld.open({ direction: 'two-way' });
      world.write('local', 'thing/deep/inside', 'mine');
      world.write('remote', 'thing', 'theirs');
      const { conflicts } = await world.sync();
      expect(conflicts).toHaveLength(1);
      const engine = await world.engine();
      await engine.resolveConflicts({ paths: conflicts.map(({ path }) => path), keep });
      await world.sync();
      expect(world.snapshot('local')).toEqual(
        keep === 'remote'
          ? { thing: 'theirs' }
          : { thing: '/', 'thing/deep': '/', 'thing/deep/inside': 'mine' },
      );
      expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
      expect(await engine.conflicts()).toEqual([]);
    },
  );
});
