import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { SyncWorld } from '../support/sync-world.ts';

const FILES = 60;
const STOPPED = { code: 'GUARD_STOPPED' };

let world: SyncWorld;
afterEach(() => world.close());

const guarded = { allowDeletes: false, yes: false };

/** Leaves a pair in step whose master then loses most of its files. */
async function massDeletion(direction: Direction = 'two-way'): Promise<void> {
  world = await SyncWorld.open({ direction });
  const master = direction === 'remote-to-local' ? 'remote' : 'local';
  for (let n = 0; n < FILES; n++) world.write(master, `f${n}`, `content ${n}`);
  await world.sync();
  for (let n = 0; n < 44; n++) world.remove(master, `f${n}`);
  await expect(world.sync(guarded)).rejects.toMatchObject(STOPPED);
}

async function held() {
  return (await world.engine()).heldPlan();
}

describe('a plan that a guard stopped', () => {
  it('is kept with its reasons, also over a restart, and changes nothing', async () => {
    await massDeletion();
    await world.restart();
    const plan = await held();
    expect(plan).toMatchObject({ counts: { deletedRemote: 44 }, actionCount: 44 });
    expect(plan?.message).toContain('44 of 60 entries would be deleted');
    expect(plan?.actions.find(({ path }) => path === 'f0')).toEqual({
      action: 'delete-remote',
      path: 'f0',
      reason: 'deleted on the other side',
      local: 'deleted',
      remote: 'none',
    });
    expect((await world.engine()).state.heldPlan).toMatchObject({ deletions: 44, conflicts: 0 });
    expect(Object.keys(world.snapshot('remote'))).toHaveLength(FILES);
  });

  it.each(['two-way', 'remote-to-local', 'local-to-remote'] as const)(
    'is carried out when it is released, once (%s)',
    async (direction) => {
      await massDeletion(direction);
      const summary = await world.sync({ ...guarded, release: true });
      expect(summary.deletedLocal + summary.deletedRemote).toBe(44);
      expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
      expect(await held()).toBeNull();
      await expect(world.sync({ ...guarded, release: true })).rejects.toThrow('no plan is held');
    },
  );

  it('is released together with harmless changes that came later', async () => {
    await massDeletion();
    world.write('local', 'new.txt', 'new');
    await world.sync({ ...guarded, release: true });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    expect(Object.keys(world.snapshot('remote'))).toHaveLength(17);
  });

  it('expires when an entry that it would delete was changed, and the new plan is held', async () => {
    await massDeletion();
    world.write('remote', 'f3', 'changed in the meantime');
    const release = world.sync({ ...guarded, release: true });
    await expect(release).rejects.toThrow('something has changed about f3');
    await expect(release).rejects.toMatchObject(STOPPED);
    expect(Object.keys(world.snapshot('remote'))).toHaveLength(FILES);
    expect((await held())?.counts.deletedRemote).toBe(43);
    await world.sync({ ...guarded, release: true });
    expect(world.snapshot('local')).toMatchObject({ f3: 'changed in the meantime' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('expires when more would be deleted than was held', async () => {
    await massDeletion();
    world.remove('local', 'f50');
    world.remove('local', 'f51');
    await expect(world.sync({ ...guarded, release: true })).rejects.toThrow(
      'something has changed about f50, f51',
    );
    expect((await held())?.counts.deletedRemote).toBe(46);
  });

  it('keeps the time since when it is held while nothing changes', async () => {
    await massDeletion();
    const before = await held();
    for (let n = 0; n < 5; n++) world.write('local', `unrelated ${n}`, 'x');
    await expect(world.sync(guarded)).rejects.toMatchObject(STOPPED);
    expect((await held())?.heldAtMs).toBe(before?.heldAtMs);
    expect((await held())?.actionCount).toBe(49);
  });

  it('is forgotten when the reason for it is gone', async () => {
    await massDeletion();
    for (let n = 0; n < 44; n++) world.write('local', `f${n}`, `content ${n}`);
    await world.sync(guarded);
    expect(await held()).toBeNull();
    expect((await world.engine()).state.heldPlan).toBeNull();
    expect(Object.keys(world.snapshot('remote'))).toHaveLength(FILES);
  });

  it('is forgotten when it is dropped, until the next run', async () => {
    await massDeletion();
    const engine = await world.engine();
    expect(await engine.dropHeldPlan()).toBe(true);
    expect(await engine.dropHeldPlan()).toBe(false);
    expect(engine.state.heldPlan).toBeNull();
    await expect(world.sync(guarded)).rejects.toMatchObject(STOPPED);
    expect(await held()).not.toBeNull();
  });

  it('is not made by a dry run, and not touched by one', async () => {
    await massDeletion();
    const before = await held();
    await world.sync({ ...guarded, dryRun: true });
    expect(await held()).toEqual(before);
  });

  it('can be about replaced files, each in the version that was seen', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let n = 0; n < FILES; n++) world.write('local', `f${n}`, `content ${n}`);
    await world.sync();
    for (let n = 0; n < FILES; n++) world.write('local', `f${n}`, `scrambled ${n}`);
    await expect(world.sync(guarded)).rejects.toMatchObject(STOPPED);
    expect((await world.engine()).state.heldPlan?.replacements).toBe(FILES);
    world.write('local', 'f7', 'scrambled again');
    await expect(world.sync({ ...guarded, release: true })).rejects.toThrow('changed about f7');
    await world.sync({ ...guarded, release: true });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('can be about conflicts', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let n = 0; n < 21; n++) {
      world.write('local', `f${n}`, `mine ${n}`);
      world.write('remote', `f${n}`, `theirs ${n}`);
    }
    await expect(world.sync(guarded)).rejects.toMatchObject(STOPPED);
    expect((await world.engine()).state.heldPlan?.conflicts).toBe(21);
    const summary = await world.sync({ ...guarded, release: true });
    expect(summary.conflicts).toHaveLength(21);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });
});
