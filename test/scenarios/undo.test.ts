import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction, Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Replica } from '../../core/ports.ts';
import { FolderPair } from '../support/folder-pair.ts';

let pair: FolderPair;

afterEach(() => pair.close());

async function opened(direction: Direction = 'two-way', mirror = false): Promise<FolderPair> {
  pair = await FolderPair.open({ settings: { direction, mirror } });
  return pair;
}

/** A tree with everything that a run can change. */
async function fill(side: Side): Promise<void> {
  await pair.write(side, 'replaced.txt', 'old text');
  await pair.write(side, 'deleted.txt', 'to be deleted');
  await pair.write(side, 'folder/inner/deep.txt', 'deep');
  await pair.write(side, 'folder/other.txt', 'other');
  await pair.write(side, 'moved.txt', 'moves as it is');
  await pair.write(side, 'moved and edited.txt', 'before the edit, somewhat longer than it');
  await pair.write(side, 'one.txt', 'swapped 1');
  await pair.write(side, 'two.txt', 'swapped 22');
  await pair.write(side, 'kind', 'a file that becomes a directory');
  await pair.write(side, 'gone/a.txt', 'goes with its directory');
  await pair.write(side, 'untouched.txt', 'the same all the time');
}

async function changeEverything(side: Side): Promise<void> {
  await pair.write(side, 'replaced.txt', 'a newer text');
  await pair.remove(side, 'deleted.txt');
  await pair.move(side, 'folder/inner', 'inner, moved out');
  await pair.move(side, 'folder', 'renamed folder');
  await pair.move(side, 'moved.txt', 'new place/moved.txt');
  await pair.move(side, 'moved and edited.txt', 'new place/edited.txt');
  await pair.write(side, 'new place/edited.txt', 'after');
  await pair.move(side, 'one.txt', 'x');
  await pair.move(side, 'two.txt', 'one.txt');
  await pair.move(side, 'x', 'two.txt');
  await pair.remove(side, 'kind');
  await pair.write(side, 'kind/file.txt', 'inside');
  await pair.remove(side, 'gone');
  await pair.write(side, 'added.txt', 'new');
}

describe('undo of a run', () => {
  it.each<[Direction, Side]>([
    ['two-way', 'remote'],
    ['two-way', 'local'],
    ['remote-to-local', 'remote'],
    ['local-to-remote', 'local'],
  ])('brings back everything, %s with changes of the %s side', async (direction, side) => {
    await opened(direction);
    await fill(side);
    await pair.sync();
    const before = await pair.tree('local');
    await changeEverything(side);
    await pair.sync();
    const after = await pair.tree('local');
    const told = await pair.engine.history.undo({ dryRun: true, additions: side === 'remote' });
    expect(await pair.tree('local')).toEqual(after);
    const report = await pair.engine.history.undo({ additions: side === 'remote' });
    expect(report.refused).toEqual([]);
    expect(told).toMatchObject({ dryRun: true, run: null, undoOf: 2, refused: [] });
    expect(report).toMatchObject({ dryRun: false, run: 3, undoOf: 2 });
    const now = await pair.tree('local');
    // What the user added on the local side is no matter of the run.
    const own = side === 'local' ? { 'added.txt': 'new', 'new place': '/' } : {};
    expect(now).toEqual({ ...before, ...own });
    await pair.sync();
    if (direction !== 'remote-to-local') expect(await pair.tree('remote')).toEqual(now);
    expect(await pair.tree('local')).toEqual(now);
  });

  it('leaves what the run added, unless the user says otherwise', async () => {
    await opened();
    await pair.write('remote', 'a', 'old');
    await pair.sync();
    await pair.write('remote', 'a', 'newer');
    await pair.write('remote', 'added', 'x');
    await pair.sync();
    await pair.engine.history.undo({});
    expect(await pair.tree('local')).toEqual({ a: 'old', added: 'x' });
    await pair.engine.history.undo({ run: 2, additions: true });
    expect(await pair.tree('local')).toEqual({ a: 'old' });
  });

  it('refuses what was changed since, and takes back the rest', async () => {
    await opened();
    for (const name of ['edited', 'gone', 'taken', 'fine']) await pair.write('remote', name, name);
    await pair.write('remote', 'moved', 'm');
    await pair.sync();
    await pair.write('remote', 'edited', 'by the run');
    await pair.remove('remote', 'taken');
    await pair.remove('remote', 'fine');
    await pair.move('remote', 'moved', 'elsewhere');
    await pair.sync();
    await pair.write('local', 'edited', 'by the user, afterwards');
    await pair.write('local', 'taken', 'by another file');
    await pair.write('local', 'elsewhere', 'edited, too');
    const report = await pair.engine.history.undo({});
    expect(report.refused.map(({ path }) => path).sort()).toEqual(['edited', 'elsewhere', 'taken']);
    expect(await pair.tree('local')).toEqual({
      edited: 'by the user, afterwards',
      elsewhere: 'edited, too',
      fine: 'fine',
      gone: 'gone',
      taken: 'by another file',
    });
  });

  it('can be undone itself', async () => {
    await opened();
    await fill('remote');
    await pair.sync();
    await changeEverything('remote');
    await pair.sync();
    const after = await pair.tree('local');
    await pair.engine.history.undo({ additions: true });
    const back = await pair.engine.history.undo({ additions: true });
    expect(back).toMatchObject({ undoOf: 3, refused: [] });
    expect(await pair.tree('local')).toEqual(after);
  });

  it('takes a conflict back: the local version has its name again', async () => {
    await opened();
    await pair.write('local', 'notes.txt', 'base');
    await pair.sync();
    await pair.write('local', 'notes.txt', 'mine');
    await pair.write('remote', 'notes.txt', 'theirs');
    await pair.sync();
    expect(Object.keys(await pair.tree('local'))).toHaveLength(2);
    const { refused } = await pair.engine.history.undo({});
    expect(refused).toEqual([]);
    expect(await pair.tree('local')).toEqual({ 'notes.txt': 'mine' });
    const { conflicts } = await pair.sync();
    expect(conflicts).toEqual([]);
    expect(await pair.tree('remote')).toEqual({ 'notes.txt': 'mine' });
    const versions = await pair.engine.history.versions({ path: parseSyncPath('notes.txt') });
    expect(versions.map(({ cause, side }) => `${cause} ${side}`)).toContain('undo local');
  });

  it('brings back what a mirror took away, which was nowhere else', async () => {
    await opened('remote-to-local', true);
    await pair.write('remote', 'a', 'of the server');
    await pair.sync();
    await pair.write('local', 'a', 'local work');
    await pair.write('local', 'own', 'only here');
    await pair.sync();
    expect(await pair.tree('local')).toEqual({ a: 'of the server' });
    const listed = await pair.engine.history.versions({ path: parseSyncPath('') });
    expect(listed.map(({ path, cause, isOnlyCopy }) => [path, cause, isOnlyCopy])).toEqual([
      ['a', 'mirror', true],
      ['own', 'mirror', true],
    ]);
    await pair.engine.history.undo({});
    expect(await pair.tree('local')).toEqual({ a: 'local work', own: 'only here' });
  });

  it('loses nothing when it is cut off between two moves, and the next run mends it', async () => {
    let moves = Number.POSITIVE_INFINITY;
    pair = await FolderPair.open({
      wrap: (side, replica) =>
        side === 'remote' ? replica : failingMoves(replica, () => moves-- <= 0),
    });
    await pair.write('remote', 'one', '1');
    await pair.write('remote', 'two', '22');
    await pair.sync();
    await pair.move('remote', 'one', 'x');
    await pair.move('remote', 'two', 'one');
    await pair.move('remote', 'x', 'two');
    await pair.sync();
    moves = 1;
    const { refused } = await pair.engine.history.undo({});
    expect(refused).not.toEqual([]);
    moves = Number.POSITIVE_INFINITY;
    await pair.sync();
    const local = await pair.tree('local');
    expect(Object.values(local).toSorted()).toEqual(['1', '22']);
    expect(Object.keys(local).some((path) => path.startsWith('.ferry'))).toBe(false);
    expect(await pair.tree('remote')).toEqual(local);
  });

  it('says which run it is about when there is none', async () => {
    await opened();
    await expect(pair.engine.history.undo({})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await pair.write('local', 'a', 'x');
    await pair.sync();
    await expect(pair.engine.history.undo({ run: 7 })).rejects.toThrow(/run 7 is not known/);
  });
});

/** Lets moves fail while `isFailing`. */
function failingMoves(replica: Replica, isFailing: () => boolean): Replica {
  return new Proxy(replica, {
    get(target, name) {
      if (name === 'move')
        return async (...args: Parameters<Replica['move']>) => {
          if (isFailing()) throw new FerryError('LOCAL_IO', 'the disk is gone');
          return target.move(...args);
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
