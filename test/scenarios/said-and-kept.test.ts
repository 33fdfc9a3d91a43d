import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import type { Displacement } from '../../core/ports.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

describe('a run that cannot go on', () => {
  it('says so when a side refuses every write', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('remote', 'a', 'one');
    world.sides.local.writeMany = () => {
      throw new FerryError('LOCAL_NO_SPACE', 'no room at all');
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
  });

  it('says so when a side is gone while contents are compared', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const side of ['local', 'remote'] as const)
      for (const path of ['a', 'b', 'c']) world.write(side, path, 'equal');
    world.onCall = (side, operation, path) => {
      if (side === 'remote' && operation === 'read')
        throw new FerryError('REMOTE_UNREACHABLE', 'away', { path });
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
  });

  it('goes on within the same run when a side ends its writes early', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const path of ['a', 'b', 'c']) world.write('remote', path, path);
    const { local } = world.sides;
    const writeMany = local.writeMany.bind(local);
    local.writeMany = () => {
      local.writeMany = writeMany;
      return Readable.from([]);
    };
    expect(await world.sync()).toMatchObject({ complete: true, downloaded: 3 });
    expect(world.snapshot('local')).toEqual({ a: 'a', b: 'b', c: 'c' });
  });

  it('does not read again what a first run had compared before it was cut off', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const side of ['local', 'remote'] as const)
      for (let index = 0; index < 20; index++) world.write(side, `f${index}`, 'equal');
    let reads = 0;
    world.onCall = (_side, operation, path) => {
      if (operation === 'read' && ++reads > 30)
        throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test', { path });
    };
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    world.onCall = null;
    await world.restart();
    expect(await world.sync()).toMatchObject({ complete: true });
    expect(world.costs().filter((call) => call.startsWith('read')).length).toBeLessThan(25);
  });
});

describe('a side that keeps versions', () => {
  it('is told why an entry gives way, and when it is the only one with its content', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const path of ['removed', 'replaced']) world.write('local', path, path);
    await world.sync();
    const told: [string, Displacement | undefined][] = [];
    const { remote } = world.sides;
    const [remove, writeMany] = [remote.remove.bind(remote), remote.writeMany.bind(remote)];
    remote.remove = async (path, options) => {
      told.push([path, options.displacement]);
      await remove(path, options);
    };
    remote.writeMany = (items, options) => {
      async function* listening() {
        for await (const item of items) {
          told.push([item.path, item.displacement]);
          yield item;
        }
      }
      return writeMany(listening(), options);
    };
    world.remove('local', 'removed');
    world.write('local', 'replaced', 'another content');
    await world.sync();
    expect(told).toMatchObject([
      ['removed', { cause: 'deleted', isOnlyCopy: false }],
      ['replaced', { cause: 'replaced', isOnlyCopy: false }],
    ]);
  });
});

describe('what is set for a pair', () => {
  it('stops a run before anything else when its guard file is missing', async () => {
    const guardFile = { path: 'this-disk.txt' };
    world = await SyncWorld.open({ direction: 'two-way', settings: { guardFile } });
    world.write('remote', 'a', 'one');
    await expect(world.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    expect(world.snapshot('local')).toEqual({});
    world.write('local', 'this-disk.txt', '');
    expect(await world.sync()).toMatchObject({ complete: true });
  });

  it('never makes times a proof in a two-way pair', async () => {
    world = await SyncWorld.open({ direction: 'two-way', settings: { trustTimes: true } });
    world.write('local', 'a', 'mine', { mtimeNs: 5n });
    world.write('remote', 'a', 'thei', { mtimeNs: 5n });
    expect((await world.sync()).conflicts).toHaveLength(1);
  });

  it('does not let a mirror remove or overwrite anything in a reset', async () => {
    world = await SyncWorld.open({ direction: 'remote-to-local', settings: { mirror: true } });
    world.write('remote', 'a', 'one');
    await world.sync();
    world.write('local', 'own', 'only here');
    world.write('local', 'a', 'edited here');
    await world.reset();
    expect(world.snapshot('local')).toMatchObject({ a: 'one', own: 'only here' });
    expect(Object.values(world.snapshot('local'))).toContain('edited here');
  });

  it('does not make a root again that was there before', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'one');
    const made: unknown[] = [];
    for (const side of ['local', 'remote'] as const)
      world.sides[side].identify = async (options) => {
        made.push(options?.create);
        return { id: side };
      };
    await world.sync();
    expect(made).toContain(true);
    made.length = 0;
    await world.sync();
    expect(made).not.toContain(true);
  });
});

describe('records that were put back from a copy', () => {
  it('are known by what was noted beside them, even when one commit is missing', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'one');
    await world.sync();
    const beside = await readdir(world.recordsDirectory);
    expect(beside).toContain('sequence');
  });
});
