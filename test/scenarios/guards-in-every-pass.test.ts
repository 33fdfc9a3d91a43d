import { afterEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

/** Lets something happen right before the engine's first write, and that write find another version. */
function atFirstWrite(happen: () => void): void {
  let isFirst = true;
  world.onCall = (_side, operation, path) => {
    if (operation !== 'write' || !isFirst) return;
    isFirst = false;
    happen();
    throw new FerryError('CHANGED', `${path} is another version by now`, { path });
  };
}

describe('a run that has to look again', () => {
  it('stops when a side has become empty meanwhile', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('remote', 'a', 'one');
    world.write('remote', 'b', 'two');
    await world.sync();
    world.write('remote', 'new', 'new');
    atFirstWrite(() => {
      for (const path of ['a', 'b']) world.remove('local', path);
    });
    await expect(world.sync({ allowDeletes: false })).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
    });
    expect(world.snapshot('remote')).toEqual({ a: 'one', b: 'two', new: 'new' });
  });

  it('stops when another disk is mounted meanwhile', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('remote', 'a', 'one');
    world.write('remote', 'b', 'two');
    await world.sync();
    world.write('remote', 'new', 'new');
    atFirstWrite(() => {
      world.remove('local', 'a');
      world.sides.local.identify = async () => ({ id: 'another disk' });
    });
    await expect(world.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    expect(world.snapshot('remote')).toMatchObject({ a: 'one' });
  });

  it('asks about many conflicts of a first run, however many files there are to compare', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let index = 0; index < 70; index++) {
      world.write('local', `f${index}`, `here  ${index}`);
      world.write('remote', `f${index}`, `there ${index}`);
    }
    await expect(world.sync({ yes: false })).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    expect(Object.keys(world.snapshot('local'))).toHaveLength(70);
  });

  it('brings back what it had put aside before it looks, and deletes nothing for it', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a/1', 'one');
    world.write('local', 'b/2', 'two');
    await world.sync();
    world.move('local', 'a', 't');
    world.move('local', 'b', 'a');
    world.move('local', 't', 'b');
    let moves = 0;
    world.onCall = (side, operation, path) => {
      if (side !== 'remote' || operation !== 'move' || ++moves !== 3) return;
      throw new FerryError('CHANGED', `${path} has changed`, { path });
    };
    const summary = await world.sync();
    expect(summary).toMatchObject({ deletedLocal: 0, deletedRemote: 0, complete: true });
    expect(world.snapshot('local')).toEqual({ a: '/', 'a/2': 'two', b: '/', 'b/1': 'one' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });
});

describe('a first run that was cut off', () => {
  it('knows its roots in the next run', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let index = 0; index < 70; index++) world.write('remote', `f${index}`, `content ${index}`);
    world.failAfter = 138;
    await expect(world.sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    await world.restart();
    world.sides.local.identify = async () => ({ id: 'another disk' });
    await expect(world.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
  });
});
