import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];
const LATER = 1_800_000_000_000_000_000n;

async function expectQuiet(): Promise<void> {
  const summary = await world.sync();
  expect(world.costs().filter((call) => call !== 'read local .ferryignore')).toEqual([]);
  expect(summary.complete).toBe(true);
}

async function expectSame(): Promise<void> {
  expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  await expectQuiet();
}

async function timeOf(side: 'local' | 'remote', path: string): Promise<bigint | undefined> {
  const entry = await world.sides[side].stat(parseSyncPath(path));
  return entry?.kind === 'file' ? entry.mtimeNs : undefined;
}

const REMOTES: readonly (readonly [string, MemoryReplicaOptions])[] = [
  ['keeps all times', {}],
  ['keeps seconds', { mtimePrecisionNs: 1_000_000_000n }],
  ['keeps no times and no modes', { mtimePrecisionNs: null, modes: false }],
  ['keeps modes but no times', { mtimePrecisionNs: null }],
];

describe.each(REMOTES)('a touched file, with a server that %s', (_name, remote) => {
  it.each(DIRECTIONS)('transfers no content %s, and the next run is quiet', async (direction) => {
    // A server without hashes is only asked by downloading, so there a touched file is fetched.
    world = await SyncWorld.open({ direction, remote: { ...CAPABLE_REMOTE, ...remote } });
    const master = direction === 'remote-to-local' ? 'remote' : 'local';
    world.write(master, 'a', 'content', { mode: 0o644 });
    await world.sync();
    for (const side of ['local', 'remote'] as const) {
      world.write(side, 'a', 'content', { mtimeNs: LATER + 5n, mode: 0o600 });
      const summary = await world.sync();
      expect([summary.uploaded, summary.downloaded]).toEqual([0, 0]);
      await expectQuiet();
    }
  });
});

describe('a touched file', () => {
  it('has the time of the master afterwards', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a', 'content');
    await world.sync();
    world.write('local', 'a', 'content', { mtimeNs: LATER });
    await world.sync();
    expect(await timeOf('remote', 'a')).toBe(LATER);
    world.write('remote', 'a', 'content', { mtimeNs: LATER + 1n });
    await world.sync();
    expect(await timeOf('local', 'a')).toBe(LATER + 1n);
  });
});

describe.each([
  ['a plain server', {}],
  ['a server with hashes and file ids', CAPABLE_REMOTE],
] as const)('a symbolic link, with %s', (_name, remote) => {
  it('follows a change of its target, both ways', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote });
    world.write('local', 'dir/f', 'content');
    world.makeLink('local', 'link', 'dir/f');
    await world.sync();
    await expectSame();
    world.makeLink('remote', 'link', 'dir');
    await world.sync();
    expect(world.snapshot('local')).toMatchObject({ link: '-> dir' });
    await expectSame();
  });

  it('becomes a file and a link again', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote });
    world.makeLink('local', 'thing', 'other');
    await world.sync();
    world.remove('local', 'thing');
    world.write('local', 'thing', 'a file');
    await world.sync();
    expect(world.snapshot('remote')).toEqual({ thing: 'a file' });
    await expectSame();
    world.remove('remote', 'thing');
    world.makeLink('remote', 'thing', 'other');
    await world.sync();
    expect(world.snapshot('local')).toEqual({ thing: '-> other' });
    await expectSame();
  });

  it('keeps both targets when they were changed on both sides', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote });
    world.makeLink('local', 'link', 'base');
    await world.sync();
    world.makeLink('local', 'link', 'mine');
    world.makeLink('remote', 'link', 'theirs');
    const summary = await world.sync();
    expect(summary.conflicts).toHaveLength(1);
    expect(Object.values(world.snapshot('local')).sort()).toEqual(['-> mine', '-> theirs']);
    await expectSame();
  });

  it('is left alone while it leads out of the folder, also when it was synced before', async () => {
    world = await SyncWorld.open({ direction: 'two-way', remote });
    world.makeLink('local', 'link', 'inside');
    await world.sync();
    world.makeLink('local', 'link', '../outside');
    const summary = await world.sync();
    expect(summary.problems).toMatchObject([{ path: 'link', code: 'KIND_NOT_SUPPORTED' }]);
    expect(world.snapshot('remote')).toEqual({ link: '-> inside' });
  });
});

describe('what is ignored', () => {
  it('is not deleted, not transferred and not recorded, also when it was synced before', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'a.log', 'log');
    world.write('local', 'logs/1', 'one');
    await world.sync();
    world.write('local', '.ferryignore', '*.log\nlogs/\n');
    world.write('local', 'a.log', 'changed here');
    world.remove('local', 'logs/1');
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'a.log': 'log', 'logs/1': 'one' });
    expect((await world.engine()).state.recordedEntries).toBe(1);
    await expectQuiet();
  });

  it('keeps its directory when that was deleted on the other side, and lets it go when it is gone', async () => {
    world = await SyncWorld.open({ direction: 'two-way', settings: { ignore: ['*.tmp'] } });
    world.write('local', 'dir/sub/f', 'content');
    world.write('local', 'dir/sub/x.tmp', 'scratch');
    await world.sync();
    world.remove('remote', 'dir');
    await world.sync();
    expect(world.snapshot('local')).toEqual({
      dir: '/',
      'dir/sub': '/',
      'dir/sub/x.tmp': 'scratch',
    });
    expect(world.snapshot('remote')).toEqual({});
    await expectQuiet();
    world.remove('local', 'dir/sub/x.tmp');
    await world.sync();
    expect(world.snapshot('local')).toEqual({});
    await expectQuiet();
  });

  it('is not guessed when the file with the patterns is too large to read', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', '.ferryignore', `secret\n${'#'.repeat(1024 * 1024)}`);
    world.write('local', 'secret', 'secret');
    await expect(world.sync()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(world.snapshot('remote')).toEqual({});
  });
});

describe('a destination that keeps or mirrors', () => {
  it.each(DIRECTIONS)('keeps everything %s with deletes: keep', async (direction) => {
    world = await SyncWorld.open({ direction, settings: { deletes: 'keep' } });
    const master = direction === 'remote-to-local' ? 'remote' : 'local';
    const other = master === 'local' ? 'remote' : 'local';
    world.write(master, 'dir/a', 'one');
    await world.sync();
    world.remove(master, 'dir');
    await world.sync();
    expect(world.snapshot(other)).toEqual({ dir: '/', 'dir/a': 'one' });
    await expectQuiet();
  });

  it.each(['remote-to-local', 'local-to-remote'] as const)('mirrors %s', async (direction) => {
    world = await SyncWorld.open({ direction, settings: { mirror: true }, remote: CAPABLE_REMOTE });
    const master = direction === 'remote-to-local' ? 'remote' : 'local';
    const other = master === 'local' ? 'remote' : 'local';
    for (const name of ['a', 'b', 'c', 'd']) world.write(master, `dir/${name}`, `content ${name}`);
    await world.sync();
    world.write(other, 'dir/a', 'edited');
    world.remove(other, 'dir/b');
    world.move(other, 'dir/c', 'c');
    world.write(other, 'own/file', 'own');
    world.remove(other, 'dir/d');
    world.write(other, 'dir/d/kind', 'changed');
    await world.sync();
    expect(world.snapshot(other)).toEqual(world.snapshot(master));
    await expectQuiet();
  });
});
