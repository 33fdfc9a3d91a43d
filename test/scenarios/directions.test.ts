import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import type { MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;

afterEach(() => world.close());

const REMOTES: readonly (readonly [string, MemoryReplicaOptions])[] = [
  ['a plain server', {}],
  ['a server with hashes and file ids', CAPABLE_REMOTE],
];

async function settled(direction: Direction, remote: MemoryReplicaOptions): Promise<void> {
  world = await SyncWorld.open({ direction, remote });
  const master = direction === 'local-to-remote' ? 'local' : 'remote';
  world.write(master, 'a.txt', 'one');
  world.write(master, 'dir/b.txt', 'two');
  world.makeDirectory(master, 'empty');
  await world.sync();
}

async function expectQuiet(): Promise<void> {
  const summary = await world.sync();
  expect(world.costs()).toEqual([]);
  expect(summary.complete).toBe(true);
}

describe.each(REMOTES)('a run with %s', (_name, remote) => {
  it.each<Direction>(['two-way', 'remote-to-local', 'local-to-remote'])(
    'makes both sides equal %s, and the next run does nothing',
    async (direction) => {
      await settled(direction, remote);
      const expected = { 'a.txt': 'one', dir: '/', 'dir/b.txt': 'two', empty: '/' };
      expect(world.snapshot('local')).toEqual(expected);
      expect(world.snapshot('remote')).toEqual(expected);
      await expectQuiet();
    },
  );

  it('carries edits, new files and deletions both ways in one two-way run', async () => {
    await settled('two-way', remote);
    world.write('local', 'a.txt', 'edited here');
    world.write('remote', 'dir/b.txt', 'edited there');
    world.write('local', 'dir/new.txt', 'from here');
    world.remove('remote', 'empty');
    const summary = await world.sync();
    expect(summary).toMatchObject({ uploaded: 2, downloaded: 1, deletedLocal: 1 });
    const expected = {
      'a.txt': 'edited here',
      dir: '/',
      'dir/b.txt': 'edited there',
      'dir/new.txt': 'from here',
    };
    expect(world.snapshot('local')).toEqual(expected);
    expect(world.snapshot('remote')).toEqual(expected);
    await expectQuiet();
  });

  it('keeps both versions of a file that changed on both sides, and says so', async () => {
    await settled('two-way', remote);
    world.write('local', 'a.txt', 'mine');
    world.write('remote', 'a.txt', 'theirs');
    const summary = await world.sync();
    expect(summary.conflicts).toHaveLength(1);
    const [conflict] = summary.conflicts;
    expect(conflict?.copyPath).toMatch(/^a \(conflict laptop \d{4}-.*\)\.txt$/);
    expect(world.snapshot('local')).toMatchObject({
      'a.txt': 'theirs',
      [conflict?.copyPath ?? '']: 'mine',
    });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    await expectQuiet();
    expect(await (await world.engine()).conflicts()).toHaveLength(1);
  });

  it.each(['local', 'remote', 'both'] as const)(
    'ends a conflict by keeping %s, on both sides after the next run',
    async (keep) => {
      await settled('two-way', remote);
      world.write('local', 'a.txt', 'mine');
      world.write('remote', 'a.txt', 'theirs');
      const { conflicts } = await world.sync();
      const engine = await world.engine();
      await engine.resolveConflicts({ paths: conflicts.map(({ path }) => path), keep });
      await world.sync();
      const copies = Object.values(world.snapshot('remote'));
      expect(copies.includes('mine')).toBe(keep !== 'remote');
      expect(copies.includes('theirs')).toBe(keep !== 'local');
      expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
      expect(await engine.conflicts()).toEqual([]);
      await expectQuiet();
    },
  );

  it('adopts equal files of a first run without writing anything', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote });
    world.write('local', 'same.txt', 'same');
    world.write('remote', 'same.txt', 'same');
    const summary = await world.sync();
    expect(summary.adopted).toBe(1);
    expect(world.costs().filter((call) => !call.startsWith('read'))).toEqual([]);
    await expectQuiet();
  });

  it('renames a directory on the server in one step when it was renamed here', async () => {
    await settled('two-way', remote);
    world.move('local', 'dir', 'renamed');
    await world.sync();
    expect(world.costs()).toEqual(['move remote dir']);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    await expectQuiet();
  });

  it('moves a directory below a new one of its own name, with everything in it', async () => {
    await settled('two-way', remote);
    world.move('local', 'dir', 'old');
    world.makeDirectory('local', 'dir/dir');
    world.move('local', 'old', 'dir/dir/dir');
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'dir/dir/dir/b.txt': 'two' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    await expectQuiet();
  });

  it('swaps two files through a temporary name without transferring them', async () => {
    await settled('two-way', remote);
    world.write('local', 'c.txt', 'three');
    await world.sync();
    world.move('local', 'a.txt', 't');
    world.move('local', 'c.txt', 'a.txt');
    world.move('local', 't', 'c.txt');
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'a.txt': 'three', 'c.txt': 'one' });
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    await expectQuiet();
  });

  it('leaves local files, edits and deletions alone in remote-to-local until the server changes the same file', async () => {
    await settled('remote-to-local', remote);
    world.write('local', 'own.txt', 'only here');
    world.write('local', 'a.txt', 'edited here');
    world.remove('local', 'dir/b.txt');
    let summary = await world.sync();
    expect(summary).toMatchObject({ localOnly: 1, changedHere: 1, removedHere: 1 });
    expect(world.costs().filter((call) => !call.startsWith('read local'))).toEqual([]);
    world.write('remote', 'a.txt', 'edited there');
    world.write('remote', 'dir/b.txt', 'again');
    summary = await world.sync();
    expect(summary.conflicts).toHaveLength(1);
    expect(world.snapshot('local')).toMatchObject({
      'own.txt': 'only here',
      'a.txt': 'edited there',
      'dir/b.txt': 'again',
    });
    expect(Object.values(world.snapshot('local'))).toContain('edited here');
    expect(Object.keys(world.snapshot('remote')).sort()).toEqual([
      'a.txt',
      'dir',
      'dir/b.txt',
      'empty',
    ]);
  });

  it('keeps a server version that it did not know as a conflict copy on the server in local-to-remote', async () => {
    await settled('local-to-remote', remote);
    world.write('local', 'a.txt', 'mine');
    world.write('remote', 'a.txt', 'theirs');
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'a.txt': 'mine' });
    expect(Object.values(world.snapshot('remote'))).toContain('theirs');
    expect(world.snapshot('local')).toEqual({
      'a.txt': 'mine',
      dir: '/',
      'dir/b.txt': 'two',
      empty: '/',
    });
  });
});

describe('a run that would delete much', () => {
  it('stops with a question when the server lost a third of its files, and goes on when told to', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let index = 0; index < 90; index++) world.write('remote', `f${index}`, `content ${index}`);
    await world.sync();
    for (let index = 0; index < 30; index++) world.remove('remote', `f${index}`);
    await expect(world.sync({ allowDeletes: false })).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
    });
    expect(Object.keys(world.snapshot('local'))).toHaveLength(90);
    await world.sync({ allowDeletes: true });
    expect(Object.keys(world.snapshot('local'))).toHaveLength(60);
  });

  it('stops when a side is empty, however few files it had', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('remote', 'only.txt', 'x');
    await world.sync();
    world.remove('remote', 'only.txt');
    await expect(world.sync({ allowDeletes: false })).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
    });
    expect(world.snapshot('local')).toEqual({ 'only.txt': 'x' });
  });
});

describe('reset', () => {
  it.each<Direction>(['two-way', 'remote-to-local', 'local-to-remote'])(
    'transfers everything again %s, brings deleted files back and loses nothing',
    async (direction) => {
      await settled(direction, {});
      const [master, other] =
        direction === 'local-to-remote'
          ? (['local', 'remote'] as const)
          : (['remote', 'local'] as const);
      world.remove(other, 'a.txt');
      world.write(other, 'dir/b.txt', 'edited on the destination');
      const summary = await world.reset();
      expect(
        direction === 'local-to-remote' ? summary.bytesSent : summary.bytesReceived,
      ).toBeGreaterThanOrEqual(6);
      expect(world.snapshot(other)).toMatchObject({ 'a.txt': 'one', 'dir/b.txt': 'two' });
      expect(Object.values(world.snapshot(other))).toContain('edited on the destination');
      expect(world.snapshot(master)).toMatchObject({ 'a.txt': 'one', 'dir/b.txt': 'two' });
      expect(summary.deletedLocal + summary.deletedRemote).toBe(0);
      await expectQuiet();
    },
  );

  it.each<Direction>(['two-way', 'remote-to-local', 'local-to-remote'])(
    'goes on where it was cut off %s',
    async (direction) => {
      world = await SyncWorld.open({ direction });
      for (let index = 0; index < 100; index++)
        for (const side of ['local', 'remote'] as const)
          world.write(side, `d/f${index}`, `content ${index}`);
      await world.sync();
      world.failAfter = 120;
      await expect(world.reset()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
      await world.restart();
      const engine = await world.engine();
      expect(engine.state.resetting).toBe(true);
      world.remove('local', 'd/f1');
      const summary = await world.sync();
      expect(summary.deletedLocal + summary.deletedRemote).toBe(0);
      expect(engine.state.resetting).toBe(false);
      expect(Object.keys(world.snapshot('remote'))).toHaveLength(101);
    },
  );
});
