import { afterEach, describe, expect, it } from '@jest/globals';
import { DIRECTIONS } from '../../core/model/entry.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

async function expectQuiet(): Promise<void> {
  expect(await world.sync()).toMatchObject({ complete: true });
  expect(world.costs().filter((call) => !/^(stat|read) .*\.ferryignore$/.test(call))).toEqual([]);
}

describe('a .ferryignore in any directory', () => {
  it.each(DIRECTIONS)(
    'counts from the first run on, for what is below it, %s',
    async (direction) => {
      world = await SyncWorld.open({ direction });
      const master = direction === 'remote-to-local' ? 'remote' : 'local';
      world.write(master, 'a/b/.ferryignore', '*.tmp\n!keep.tmp\n');
      for (const path of ['x.tmp', 'a/x.tmp', 'a/b/x.tmp', 'a/b/c/x.tmp', 'a/b/keep.tmp'])
        world.write(master, path, `content of ${path}`);
      await world.sync();
      const other = master === 'local' ? 'remote' : 'local';
      expect(Object.keys(world.snapshot(other)).sort()).toEqual([
        'a',
        'a/b',
        'a/b/.ferryignore',
        'a/b/c',
        'a/b/keep.tmp',
        'a/x.tmp',
        'x.tmp',
      ]);
      await expectQuiet();
    },
  );

  it('that is new on the other side counts there as well', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'd/x.tmp', 'here');
    world.write('remote', 'd/y.tmp', 'there');
    world.write('remote', 'd/.ferryignore', '*.tmp');
    world.write('remote', '.ferryignore', 'secret');
    world.write('local', 'secret', 'secret');
    await world.sync();
    expect(world.snapshot('remote')).not.toHaveProperty('d/x.tmp');
    expect(world.snapshot('remote')).not.toHaveProperty('secret');
    expect(world.snapshot('local')).not.toHaveProperty('d/y.tmp');
    expect(world.snapshot('local')).toMatchObject({ 'd/.ferryignore': '*.tmp' });
    await expectQuiet();
  });

  it('that comes to hide what was synced deletes nothing on either side, whoever removes it then', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const path of ['d/a.log', 'd/b.log', 'd/f']) world.write('local', path, path);
    await world.sync();
    world.write('remote', 'd/.ferryignore', '*.log');
    await world.sync();
    world.remove('local', 'd/a.log');
    world.write('local', 'd/b.log', 'changed');
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'd/a.log': 'd/a.log', 'd/b.log': 'd/b.log' });
    await expectQuiet();
  });

  it('that is removed lets everything come back, and keeps both versions of what differs', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'd/.ferryignore', '*.log');
    for (const side of ['local', 'remote'] as const) world.write(side, 'd/a.log', `of ${side}`);
    world.write('remote', 'd/b.log', 'there');
    await world.sync();
    world.remove('local', 'd/.ferryignore');
    await world.sync();
    await world.sync();
    expect(world.snapshot('local')).toMatchObject({ 'd/a.log': 'of remote', 'd/b.log': 'there' });
    expect(Object.values(world.snapshot('remote'))).toContain('of local');
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
    await expectQuiet();
  });

  it('that hides itself is still obeyed', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'd/.ferryignore', '*');
    world.write('local', 'd/f', 'content');
    await world.sync();
    await world.sync();
    expect(world.snapshot('remote')).not.toHaveProperty('d/f');
  });

  it('moves along with its directory', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'd/.ferryignore', '*.tmp');
    world.write('local', 'd/x.tmp', 'scratch');
    world.write('local', 'd/f', 'content');
    await world.sync();
    world.move('local', 'd', 'e');
    await world.sync();
    expect(world.snapshot('remote')).toEqual({
      e: '/',
      'e/.ferryignore': '*.tmp',
      'e/f': 'content',
    });
    await expectQuiet();
  });

  it('with a regular expression that is none stops the run, and names the file', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'd/.ferryignore', 're:(');
    world.write('local', 'd/f', 'content');
    await expect(world.sync()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/d\/\.ferryignore:1/),
    });
    expect(world.snapshot('remote')).toEqual({});
  });
});
