import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openStore } from '../../core/records/store.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

/** Removes rows behind the back of the records, as a file that lost its end does. */
async function loseRows(prefix: string): Promise<void> {
  const store = await openStore(join(world.recordsDirectory, 'records'));
  await store.clear(prefix);
  await store.close();
}

describe('records that turn out incomplete when they are read', () => {
  it('are set aside by the run that needs them: it deletes nothing, and transfers only what is new', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote: CAPABLE_REMOTE });
    for (const path of ['a/one', 'a/two', 'b/three']) world.write('local', path, path);
    await world.sync();
    await world.sync();
    await world.restart();
    await loseRows('n!');
    world.remove('remote', 'a/two');
    world.write('remote', 'a/new', 'new');
    const summary = await world.sync({ allowDeletes: false });
    expect(summary.deletedLocal + summary.deletedRemote).toBe(0);
    expect(world.costs().filter((cost) => cost.startsWith('write'))).toEqual([
      'write local a/new',
      'write remote a/two',
    ]);
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
    await world.sync();
    expect((await world.sync()).complete).toBe(true);
    expect(world.costs()).toEqual([]);
  });
});
