import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ListedVersion } from '../../core/engine/pair-history.ts';
import type { Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Replica } from '../../core/ports.ts';
import { FolderPair } from '../support/folder-pair.ts';

const DAY_MS = 86_400_000;

let pair: FolderPair;

afterEach(() => pair.close());

function versions(path = ''): Promise<readonly ListedVersion[]> {
  return pair.engine.history.versions({ path: parseSyncPath(path) });
}

describe('a program that has a file open while a run replaces or removes it', () => {
  it.each(['replaced', 'removed'])(
    'finds what it writes afterwards as a conflict copy, on both sides (%s)',
    async (how) => {
      pair = await FolderPair.open();
      await pair.write('local', 'folder/draft.txt', 'first');
      await pair.sync();
      const program = fs.openSync(join(pair.roots.local, 'folder/draft.txt'), 'r+');
      if (how === 'removed') await pair.remove('remote', 'folder/draft.txt');
      else await pair.write('remote', 'folder/draft.txt', 'of the server');
      await pair.sync();
      fs.writeSync(program, 'written late', 0);
      fs.closeSync(program);
      await pair.sync();
      const local = await pair.tree('local');
      expect(Object.values(local)).toContain('written late');
      const copy = Object.keys(local).find((path) => path.includes('(conflict laptop '));
      expect(copy).toMatch(/^folder\/draft \(conflict laptop [^/]*\)\.txt$/);
      expect(await pair.tree('remote')).toEqual(local);
      await pair.sync();
      expect(await pair.tree('local')).toEqual(local);
    },
  );
});

describe('kept versions', () => {
  it('go after their time with the run that follows, on both sides', async () => {
    pair = await FolderPair.open({ keepVersions: { days: 3 } });
    await pair.write('local', 'a', 'one');
    await pair.write('remote', 'b', 'one');
    await pair.sync();
    await pair.write('local', 'a', 'two');
    await pair.write('remote', 'b', 'two');
    await pair.sync();
    expect((await versions()).map(({ path, side }) => `${path} ${side}`)).toEqual([
      'a remote',
      'b local',
    ]);
    pair.aheadMs += 2 * DAY_MS;
    await pair.sync();
    expect(await versions()).toHaveLength(2);
    pair.aheadMs += 2 * DAY_MS;
    await pair.sync();
    expect(await versions()).toEqual([]);
  });

  it('that the other side never had stay until it has them', async () => {
    pair = await FolderPair.open({
      settings: { direction: 'remote-to-local', mirror: true },
      keepVersions: { days: 3, bytes: 0 },
    });
    await pair.write('remote', 'a', 'of the server');
    await pair.sync();
    await pair.write('local', 'a', 'work of a day');
    await pair.sync();
    expect(await versions('a')).toMatchObject([{ cause: 'mirror', isOnlyCopy: true }]);
    pair.aheadMs += 400 * DAY_MS;
    await pair.sync();
    expect(await versions('a')).toHaveLength(1);
    await pair.write('remote', 'now there, too', 'work of a day');
    await pair.sync();
    pair.aheadMs += 2 * DAY_MS;
    await pair.sync();
    expect(await versions('a')).toEqual([]);
  });

  it('of a reset in which nothing differed are no only copies', async () => {
    pair = await FolderPair.open({ settings: { direction: 'local-to-remote' } });
    await pair.write('local', 'a', 'the same');
    await pair.sync();
    pair.aheadMs += 1000;
    await pair.engine.reset({ yes: true });
    const [version] = await versions('a');
    expect(version).toMatchObject({ side: 'remote', cause: 'reset', isOnlyCopy: false });
  });

  it('do not stand in the way of a run when they cannot be removed', async () => {
    const failing = (side: Side, replica: Replica): Replica =>
      side === 'remote'
        ? replica
        : Object.assign(Object.create(replica) as Replica, {
            versions: {
              prune: async () => {
                throw new FerryError('LOCAL_NO_SPACE', 'no room left');
              },
            },
          });
    pair = await FolderPair.open({
      wrap: (side, replica) => bound(failing(side, replica), replica),
    });
    await pair.write('local', 'a', 'one');
    expect((await pair.sync()).problems).toEqual([]);
    expect(await pair.tree('remote')).toEqual({ a: 'one' });
  });
});

/** Lets a wrapped replica call its methods on the one that it wraps: its fields are private. */
function bound(wrapped: Replica, replica: Replica): Replica {
  return new Proxy(wrapped, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, replica);
      return typeof value === 'function' ? value.bind(replica) : value;
    },
  });
}

describe('a restore', () => {
  it('brings back what was there at a time, whatever happened since', async () => {
    pair = await FolderPair.open();
    for (const content of ['one', 'two', 'three']) {
      await pair.write('remote', 'folder/a', content);
      await pair.sync();
      pair.aheadMs += 60_000;
    }
    const [third, second] = await versions('folder/a');
    const atMs = (second?.keptAtMs ?? 0) + 30_000;
    const report = await pair.engine.history.restore({ path: parseSyncPath('folder'), atMs });
    expect(report.steps).toMatchObject([{ action: 'restore', version: third?.id }]);
    expect(await pair.tree('local')).toMatchObject({ 'folder/a': 'two' });
  });

  it('puts a directory beside the one that is there', async () => {
    pair = await FolderPair.open();
    await pair.write('remote', 'folder/a', 'one');
    await pair.write('remote', 'folder/deep/b', 'one');
    await pair.sync();
    await pair.write('remote', 'folder/a', 'two');
    await pair.remove('remote', 'folder/deep');
    await pair.sync();
    const to = parseSyncPath('earlier');
    await pair.engine.history.restore({ path: parseSyncPath('folder'), to });
    expect(await pair.tree('local')).toMatchObject({
      'earlier/a': 'one',
      'earlier/deep/b': 'one',
      'folder/a': 'two',
    });
  });

  it('does not write where a directory or a file is in the way', async () => {
    pair = await FolderPair.open();
    await pair.write('remote', 'x', 'a file');
    await pair.write('remote', 'folder/y', 'in a folder');
    await pair.sync();
    await pair.remove('remote', 'x');
    await pair.remove('remote', 'folder');
    await pair.sync();
    await pair.write('local', 'x/z', 'a directory now');
    await pair.write('local', 'folder', 'a file now');
    const history = pair.engine.history;
    const first = await history.restore({ path: parseSyncPath('x') });
    expect(first.refused).toMatchObject(
      [{ path: 'x', reason: /a directory is there now/ }].map(reasons),
    );
    const second = await history.restore({ path: parseSyncPath('folder') });
    expect(second.refused).toMatchObject(
      [{ path: 'folder/y', reason: /no directory now/ }].map(reasons),
    );
    expect(second.run).toBeNull();
  });

  it('is refused on a drive, which takes its contents from the server only', async () => {
    pair = await FolderPair.open({
      wrap: (side, replica) =>
        side === 'remote'
          ? replica
          : new Proxy(replica, {
              get(target, name) {
                const value: unknown = Reflect.get(target, name, target);
                if (name === 'capabilities') return { ...target.capabilities, placeholders: true };
                return typeof value === 'function' ? value.bind(target) : value;
              },
            }),
    });
    await pair.write('remote', 'x', 'a file');
    await pair.sync();
    const path = parseSyncPath('x');
    await expect(pair.engine.history.restore({ path })).rejects.toThrow(/is a drive/);
    await expect(pair.engine.history.undo({})).rejects.toThrow(/is a drive/);
  });

  it('refuses to work on a folder that is not the one that was synced', async () => {
    pair = await FolderPair.open();
    await pair.write('remote', 'x', 'a file');
    await pair.sync();
    await pair.remove('remote', 'x');
    await pair.write('remote', 'y', 'another');
    await pair.sync();
    fs.rmSync(join(pair.roots.local, '.ferry/root.json'));
    await expect(pair.engine.history.restore({ path: parseSyncPath('x') })).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
    });
  });
});

function reasons({ path, reason }: { readonly path: string; readonly reason: RegExp }) {
  return { path, reason: expect.stringMatching(reason) };
}
