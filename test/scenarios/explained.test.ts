import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Explanation } from '../../core/engine/explain.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import { SyncWorld, type SyncWorldOptions } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

async function settled(options: Partial<SyncWorldOptions> = {}): Promise<void> {
  const direction = options.direction ?? 'two-way';
  world = await SyncWorld.open({ direction, ...options });
  const master = direction === 'remote-to-local' ? 'remote' : 'local';
  world.write(master, 'docs/a.txt', 'first');
  world.write(master, 'docs/b.txt', 'first of b');
  await world.sync();
}

async function why(path: string): Promise<Explanation> {
  return (await world.engine()).explain(parseSyncPath(path));
}

describe('why an entry is as it is', () => {
  it('names the run since which it is in sync, and what each run did with its reason', async () => {
    await settled();
    world.write('local', 'docs/a.txt', 'second!');
    await world.sync();
    await world.sync();
    expect(await why('docs/a.txt')).toMatchObject({
      state: 'in-sync',
      text: expect.stringContaining('(run 2)'),
      kind: 'file',
      local: { look: 'as-recorded', sizeBytes: 7 },
      remote: { look: 'as-recorded', sizeBytes: 7 },
      history: [
        { run: 2, op: 'write', side: 'remote', reason: { local: 'modified', remote: 'none' } },
        { run: 1, op: 'write', side: 'remote', reason: { local: 'new' } },
      ],
    });
  });

  it('knows it after a restart, too', async () => {
    await settled();
    await world.restart();
    expect(await why('docs/b.txt')).toMatchObject({ state: 'in-sync', history: [{ run: 1 }] });
  });

  it('says what the next run will do', async () => {
    await settled();
    world.write('remote', 'docs/a.txt', 'longer than before');
    world.remove('local', 'docs/b.txt');
    world.write('local', 'new.txt', 'new');
    expect(await why('docs/a.txt')).toMatchObject({
      state: 'pending',
      remote: { look: 'changed' },
    });
    expect((await why('docs/b.txt')).text).toContain('does the same on the remote side');
    expect((await why('new.txt')).text).toContain('new locally');
  });

  it('names the rule and the line that make it ignored, also for what is in an ignored directory', async () => {
    await settled({ settings: { ignore: ['*.log', 're:^x[0-9]'] } });
    world.write('local', '.ferryignore', '# ours\n\nbuild/\n');
    world.write('local', 'build/out.o', 'o');
    world.write('local', 'a.log', 'l');
    expect(await why('build/out.o')).toMatchObject({
      state: 'ignored',
      ignoredBy: { rule: 'build/', source: '.ferryignore:3' },
    });
    expect((await why('build')).ignoredBy?.source).toBe('.ferryignore:3');
    expect((await why('docs/deep/a.log')).ignoredBy).toEqual({
      rule: '*.log',
      source: 'pair settings',
    });
    expect((await why('x1')).ignoredBy).toEqual({ rule: 're:^x[0-9]', source: 'pair settings' });
    expect((await why('docs/.DS_Store')).ignoredBy?.source).toBe('built in');
    world.write('local', 'docs/.ferryignore', 'secret*\n');
    await world.sync();
    expect((await why('docs/secret.txt')).ignoredBy).toEqual({
      rule: 'secret*',
      source: 'docs/.ferryignore:1',
    });
    expect((await why('.ferry/versions')).state).toBe('ignored');
  });

  it('says that a conflict is one, on both of its files', async () => {
    await settled();
    world.write('local', 'docs/a.txt', 'mine');
    world.write('remote', 'docs/a.txt', 'theirs');
    const { conflicts } = await world.sync();
    const copyPath = conflicts[0]?.copyPath ?? '';
    expect(await why('docs/a.txt')).toMatchObject({ state: 'conflict', conflict: { copyPath } });
    const copy = await why(copyPath);
    expect(copy.text).toContain('the local version of docs/a.txt');
    expect(copy.history[0]).toMatchObject({ conflictOf: 'docs/a.txt' });
  });

  it('gives the code of a problem and since when it has been there', async () => {
    await settled();
    world.write('local', 'docs/a.txt', 'does not fit');
    world.onCall = (side, operation, path) => {
      if (side === 'remote' && operation === 'write' && path === 'docs/a.txt')
        throw new FerryError('REMOTE_QUOTA', `${path}: no room on the server`, { path });
    };
    await world.sync();
    const first = await why('docs/a.txt');
    expect(first).toMatchObject({
      state: 'problem',
      problem: { code: 'REMOTE_QUOTA', retry: 'later' },
    });
    world.write('local', 'docs/b.txt', 'something else happens');
    await world.sync();
    expect((await why('docs/a.txt')).problem?.sinceMs).toBe(first.problem?.sinceMs);
    world.onCall = null;
    await world.sync();
    expect((await why('docs/a.txt')).state).toBe('in-sync');
  });

  it('says that a file waits which changes whenever it is read', async () => {
    await settled();
    world.write('local', 'docs/a.txt', 'being written');
    world.onCall = (side, operation, path) => {
      if (side === 'local' && operation === 'read' && path === 'docs/a.txt')
        throw new FerryError('CHANGED', `${path}: it changed while it was read`, { path });
    };
    await world.sync();
    expect(await why('docs/a.txt')).toMatchObject({
      state: 'waiting',
      text: 'it changed while it was read',
    });
  });

  it('names the directory because of which it is left alone', async () => {
    await settled();
    world.onCall = (side, operation, path) => {
      if (side === 'local' && operation === 'observe' && path === 'docs')
        throw new FerryError('LOCAL_PERMISSION', 'docs: may not be read', { path });
    };
    await world.sync();
    const { state, problem } = await why('docs/a.txt');
    expect(state).toBe('frozen');
    expect(problem?.path).toBe('docs');
  });

  it('remembers entries that are gone, and where they went', async () => {
    await settled();
    world.move('local', 'docs/a.txt', 'docs/c.txt');
    world.remove('local', 'docs/b.txt');
    await world.sync();
    expect((await why('docs/a.txt')).text).toBe('it was moved to docs/c.txt in run 2');
    expect((await why('docs/b.txt')).text).toMatch(/^it was removed on the remote side in run 2: /);
    expect(await why('never/was')).toMatchObject({ state: 'unknown', history: [] });
  });

  it.each([
    ['remote-to-local', 'local'],
    ['local-to-remote', 'remote'],
  ] as const)('says what only the destination did (%s)', async (direction, destination) => {
    await settled({ direction });
    world.write(destination, 'own.txt', 'own');
    world.write(destination, 'docs/a.txt', 'edited there');
    world.remove(destination, 'docs/b.txt');
    await world.sync();
    expect((await why('own.txt')).state).toBe('only-here');
    expect((await why('docs/a.txt')).state).toBe('changed-here');
    expect((await why('docs/b.txt')).state).toBe('removed-here');
    expect((await why('docs')).below?.counts).toEqual({ 'changed-here': 1, 'removed-here': 1 });
  });

  it('says that a guard stopped the run that would do something about it', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (let n = 0; n < 60; n++) world.write('local', `f${n}`, `${n}`);
    await world.sync();
    for (let n = 0; n < 44; n++) world.remove('local', `f${n}`);
    await expect(world.sync({ allowDeletes: false })).rejects.toThrow();
    expect(await why('f7')).toMatchObject({
      state: 'held',
      text: expect.stringContaining('delete-remote'),
    });
    expect((await why('f50')).state).toBe('in-sync');
  });

  it('says which side could not be asked', async () => {
    await settled();
    const away = new FerryError('REMOTE_UNREACHABLE', 'no route to host');
    jest.spyOn(world.sides.remote, 'stat').mockRejectedValue(away);
    expect(await why('docs/a.txt')).toMatchObject({
      text: expect.stringContaining('the remote side could not be asked'),
      remote: { look: 'not-seen', note: 'no route to host' },
    });
  });
});

describe('why a directory is as it is', () => {
  it('counts what is in it by state, and names what is notable', async () => {
    await settled({ settings: { ignore: ['*.log'] } });
    world.write('local', 'docs/a.txt', 'changed here');
    world.write('remote', 'docs/sub/new.txt', 'new');
    world.write('local', 'docs/x.log', 'ignored');
    world.write('local', 'outside.txt', 'not counted');
    const { below, state } = await why('docs');
    expect(state).toBe('in-sync');
    expect(below?.counts).toEqual({ 'in-sync': 1, pending: 3, ignored: 1 });
    expect(below?.notable.map(({ path }) => path)).toEqual([
      'docs/a.txt',
      'docs/sub',
      'docs/sub/new.txt',
    ]);
    expect((await why('')).below?.counts).toEqual({ 'in-sync': 2, pending: 4, ignored: 1 });
  });

  it('names so many notable entries and no more', async () => {
    await settled();
    for (let n = 0; n < 70; n++) world.write('local', `many/${n}`, 'x');
    const { below } = await why('many');
    expect(below?.counts.pending).toBe(70);
    expect(below?.notable).toHaveLength(50);
  });
});
