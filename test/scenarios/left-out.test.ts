import { afterEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

function failing(
  operation: string,
  path: string,
  code: 'CHANGED' | 'LOCAL_PERMISSION' | 'REMOTE_FORBIDDEN' | 'NOT_EMPTY',
): void {
  world.onCall = (_side, called, at) => {
    if (called === operation && at === path)
      throw new FerryError(code, `${at}: ${code}`, { path: at });
  };
}

describe('a file that changes whenever it is read', () => {
  it('is left out of a first run, which then says that it is not complete', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const side of ['local', 'remote'] as const) world.write(side, 'log', 'content');
    failing('read', 'log', 'CHANGED');
    const summary = await world.sync();
    expect(summary.complete).toBe(false);
    expect((await world.engine()).state.inSync).toBe('pending');
    world.onCall = null;
    expect(await world.sync()).toMatchObject({ complete: true, adopted: 1 });
  });

  it('keeps a reset from being called complete', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'log', 'content');
    await world.sync();
    failing('read', 'log', 'CHANGED');
    await world.reset();
    expect((await world.engine()).state.resetting).toBe(true);
    world.onCall = null;
    await world.sync();
    expect((await world.engine()).state.resetting).toBe(false);
  });

  it('is looked at again in the same run when it was changed once', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'log', 'content');
    world.write('remote', 'log', 'content');
    let reads = 0;
    world.onCall = (side, operation) => {
      if (operation === 'read' && ++reads === 1) {
        world.write(side, 'log', 'another');
        throw new FerryError('CHANGED', 'log changed');
      }
    };
    const summary = await world.sync();
    expect(summary).toMatchObject({ complete: true });
    expect(summary.conflicts).toHaveLength(1);
  });
});

describe('a content that was looked at on one side', () => {
  it('is not taken for the content of the other side, where versions may have the same names', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'one');
    await world.sync();
    world.write('local', 'a', 'one', { mtimeNs: 5n });
    world.write('remote', 'a', 'edited there');
    const [local, remote] = await Promise.all(
      (['local', 'remote'] as const).map((side) => world.sides[side].stat(parseSyncPath('a'))),
    );
    expect(local?.version).toBe(remote?.version);
    let reads = 0;
    world.onCall = (side, operation, path) => {
      if (side === 'remote' && operation === 'read' && ++reads === 1)
        throw new FerryError('CHANGED', 'a changed', { path });
    };
    await world.sync();
    expect(world.snapshot('local')).toEqual({ a: 'edited there' });
  });
});

describe('a directory that cannot be made', () => {
  it('is a problem, and neither it nor what is in it is tried again in the same run', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'dir/a', 'one');
    world.write('local', 'dir/b', 'two');
    failing('make-directory', 'dir', 'REMOTE_FORBIDDEN');
    const summary = await world.sync();
    expect(summary.problems).toMatchObject([{ path: 'dir', code: 'REMOTE_FORBIDDEN' }]);
    expect(world.calls.filter(({ operation }) => operation === 'make-directory')).toHaveLength(1);
    world.onCall = null;
    await world.sync();
    expect(world.snapshot('remote')).toEqual({ dir: '/', 'dir/a': 'one', 'dir/b': 'two' });
  });
});

describe('a directory that is never empty', () => {
  it('is a problem in the summary when all tries of a run have failed', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'dir/a', 'one');
    world.write('local', 'b', 'two');
    await world.sync();
    world.remove('local', 'dir');
    failing('remove', 'dir', 'NOT_EMPTY');
    const summary = await world.sync();
    expect(summary.complete).toBe(false);
    expect(summary.problems).toMatchObject([{ path: 'dir', side: 'remote', code: 'NOT_EMPTY' }]);
  });
});

describe('a directory that cannot be listed', () => {
  it.each(['local', 'remote'] as const)(
    'on the %s side keeps all that is recorded below it',
    async (side) => {
      world = await SyncWorld.open({ direction: 'two-way' });
      world.write('local', 'dir/a', 'one');
      world.write('local', 'dir/sub/b', 'two');
      await world.sync();
      world.onCall = (called, operation, path) => {
        if (called === side && operation === 'observe' && path === 'dir')
          throw new FerryError('LOCAL_PERMISSION', 'dir cannot be listed', { path });
      };
      const other = side === 'local' ? 'remote' : 'local';
      world.remove(other, 'dir/sub');
      world.write(other, 'dir/new', 'new');
      const summary = await world.sync();
      expect(summary.problems).toMatchObject([{ path: 'dir', side, code: 'LOCAL_PERMISSION' }]);
      expect(world.snapshot(side)).toMatchObject({ 'dir/sub/b': 'two' });
      expect(world.snapshot(side)).not.toHaveProperty('dir/new');
      world.onCall = null;
      await world.sync();
      expect(world.snapshot(side)).toEqual({ dir: '/', 'dir/a': 'one', 'dir/new': 'new' });
      expect(world.snapshot(other)).toEqual(world.snapshot(side));
    },
  );
});

describe('a cancelled run', () => {
  it('rejects, also when it was cancelled between two groups of files, and a reset goes on in the next', async () => {
    world = await SyncWorld.open({ direction: 'remote-to-local' });
    for (let index = 0; index < 200; index++)
      world.write('remote', `f${index}`, `content ${index}`);
    await world.sync();
    const engine = await world.engine();
    const cancelling = new AbortController();
    const watching = engine.state$.subscribe(({ progress }) => {
      if (progress?.phase === 'finishing' || (progress?.filesDone ?? 0) >= 1) cancelling.abort();
    });
    for (let index = 0; index < 200; index++) world.remove('local', `f${index}`);
    await expect(engine.reset({ signal: cancelling.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    watching.unsubscribe();
    expect(engine.state.resetting).toBe(true);
    await world.sync();
    expect(Object.keys(world.snapshot('local'))).toHaveLength(200);
  });
});

describe('a dry run', () => {
  it('changes nothing, records nothing, and names what cannot be synced', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'mine');
    world.write('remote', 'a', 'theirs');
    world.write('local', 'b', 'new');
    world.makeLink('local', 'outside', '/etc/passwd');
    const before = [world.snapshot('local'), world.snapshot('remote')];
    const summary = await world.sync({ dryRun: true });
    expect([world.snapshot('local'), world.snapshot('remote')]).toEqual(before);
    expect(summary.problems).toMatchObject([{ path: 'outside', code: 'KIND_NOT_SUPPORTED' }]);
    const engine = await world.engine();
    expect(await engine.conflicts()).toEqual([]);
    expect(engine.state.recordedEntries).toBe(0);
    expect(world.costs().filter((call) => !call.startsWith('read'))).toEqual([]);
  });
});
