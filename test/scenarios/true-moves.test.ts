import { afterEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

describe('the record of a moved file', () => {
  it('still says that the destination has edited it, so that the edit is kept later', async () => {
    world = await SyncWorld.open({ direction: 'remote-to-local', remote: CAPABLE_REMOTE });
    world.write('remote', 'a', 'one');
    await world.sync();
    // Of the same size: only its version tells.
    world.write('local', 'a', 'own');
    world.move('remote', 'a', 'moved');
    await world.sync();
    expect(world.snapshot('local')).toEqual({ moved: 'own' });
    world.write('remote', 'moved', 'edited there');
    expect((await world.sync()).conflicts).toHaveLength(1);
    const contents = Object.values(world.snapshot('local')).sort();
    expect(contents).toEqual(['edited there', 'own']);
  });

  it('has the new place before the new content is there, so that a cut-off makes no conflict of it', async () => {
    const local = { identities: false };
    world = await SyncWorld.open({ direction: 'two-way', local, remote: CAPABLE_REMOTE });
    world.write('remote', 'a', 'one');
    await world.sync();
    world.move('remote', 'a', 'moved');
    world.write('remote', 'moved', 'edited there');
    world.onCall = (side, operation, path) => {
      if (side === 'local' && operation === 'write')
        throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test', { path });
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    expect(world.snapshot('local')).toEqual({ moved: 'one' });
    await world.restart();
    world.onCall = null;
    expect(await world.sync()).toMatchObject({ conflicts: [], complete: true });
    expect(world.snapshot('local')).toEqual({ moved: 'edited there' });
    expect(world.snapshot('remote')).toEqual({ moved: 'edited there' });
  });
});
