import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Side } from '../../core/model/entry.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

/** Lets a user do something on a side when the run has seen everything there, and has not done anything yet. */
function whenSeen(side: Side, happen: () => void): void {
  let isFirst = true;
  world.onCall = (called, operation, path) => {
    if (called !== side || operation !== 'observe' || path !== 'z' || !isFirst) return;
    isFirst = false;
    happen();
  };
}

async function syncedWorld(): Promise<void> {
  world = await SyncWorld.open({ direction: 'two-way' });
  for (const path of ['a', 'b', 'd/x', 'z']) world.write('local', path, `content of ${path}`);
  await world.sync();
}

describe('what a user edits after a run has looked and before it acts', () => {
  beforeEach(syncedWorld);

  it('is not removed', async () => {
    world.remove('local', 'a');
    whenSeen('remote', () => world.write('remote', 'a', 'edited meanwhile'));
    expect(await world.sync()).toMatchObject({ complete: true });
    expect(world.snapshot('remote')['a']).toBe('edited meanwhile');
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('is not overwritten by the other side’s version', async () => {
    world.write('remote', 'a', 'edited there');
    whenSeen('local', () => world.write('local', 'a', 'edited here meanwhile'));
    const summary = await world.sync();
    expect(summary.conflicts).toHaveLength(1);
    const contents = Object.values(world.snapshot('remote'));
    expect(contents).toEqual(expect.arrayContaining(['edited there', 'edited here meanwhile']));
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('is carried over although the file was moved on the other side', async () => {
    world.move('local', 'a', 'moved');
    world.write('local', 'b', 'edited, too');
    whenSeen('remote', () => world.write('remote', 'a', 'edited meanwhile'));
    await world.sync();
    await world.sync();
    expect(world.snapshot('local')).toMatchObject({ moved: 'edited meanwhile', b: 'edited, too' });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('is sent as it is then, not as it was', async () => {
    world.write('local', 'a', 'first edit');
    whenSeen('local', () => world.write('local', 'a', 'a second one'));
    expect(await world.sync()).toMatchObject({ complete: true });
    expect(world.snapshot('remote')['a']).toBe('a second one');
  });

  it('survives when it is new in a directory that goes', async () => {
    world.remove('local', 'd');
    whenSeen('remote', () => world.write('remote', 'd/new', 'made meanwhile'));
    await world.sync();
    expect(world.snapshot('local')).toMatchObject({ 'd/new': 'made meanwhile' });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('survives when it takes the name that something is moved to', async () => {
    world.move('local', 'a', 'target');
    whenSeen('remote', () => world.write('remote', 'target', 'made meanwhile'));
    await world.sync();
    const contents = Object.values(world.snapshot('remote'));
    expect(contents).toEqual(expect.arrayContaining(['made meanwhile', 'content of a']));
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });
});

describe('a pair', () => {
  beforeEach(syncedWorld);

  it('has one run at a time', async () => {
    const engine = await world.engine();
    world.write('local', 'new', 'new');
    const before = world.calls.length;
    const [first, second] = await Promise.all([engine.run(), engine.run()]);
    expect([first.uploaded, second.uploaded]).toEqual([1, 0]);
    const writes = world.calls.slice(before).filter(({ operation }) => operation === 'write');
    expect(writes).toHaveLength(1);
  });

  it('is not in sync when something has changed during its run', async () => {
    const engine = await world.engine();
    world.write('local', 'new', 'new');
    let isFirst = true;
    world.onCall = (_side, operation) => {
      if (operation !== 'write' || !isFirst) return;
      isFirst = false;
      world.write('local', 'b', 'edited during the run');
    };
    await world.sync();
    expect(engine.state.inSync).toBe('pending');
    await world.sync();
    expect(engine.state.inSync).toBe('in-sync');
  });
});

describe('a drive as one side', () => {
  it('is told which of its files are on the other side, only when they are equal', async () => {
    world = await SyncWorld.open({ direction: 'remote-to-local', remote: CAPABLE_REMOTE });
    const told: string[] = [];
    world.sides.local.noteCounterpart = async (path) => {
      told.push(path);
    };
    world.write('remote', 'a', 'one');
    world.write('remote', 'b', 'two');
    await world.sync();
    expect(told.sort()).toEqual(['a', 'b']);
    told.length = 0;
    world.write('local', 'a', 'edited here');
    world.write('local', 'own', 'only here');
    world.move('remote', 'b', 'c');
    world.move('remote', 'a', 'd');
    await world.sync();
    expect(told).not.toContain('d');
    expect(told).not.toContain('own');
  });
});
