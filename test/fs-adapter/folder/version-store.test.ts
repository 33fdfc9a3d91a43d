import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { at, observeAll, put, versionOf } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { type FolderSetting, folderSetting } from './folder-setting.ts';

describe.each(availableBackends())('the version store (%s)', (backend) => {
  let setting: FolderSetting;
  const path = (name: string) => join(setting.absolutePath, name);
  const runs = () => fs.readdirSync(path('.ferry/versions')).sort();
  const visible = () => fs.readdirSync(setting.absolutePath).filter((name) => name !== '.ferry');

  beforeEach(async () => {
    setting = await folderSetting(backend);
  });
  afterEach(() => setting.close());

  it('keeps what was replaced and removed under its own path, readable by this user only', async () => {
    const { replica, outside } = setting;
    await outside.write('a/b/file.txt', 'first');
    await outside.write('a/gone.txt', 'removed');
    const expected = await versionOf(replica, 'a/b/file.txt');
    await put(replica, 'a/b/file.txt', 'second', { expected });
    await replica.remove(at('a/gone.txt'), { expected: await versionOf(replica, 'a/gone.txt') });
    const [run = ''] = runs();
    expect(run).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/);
    expect(fs.readFileSync(path(`.ferry/versions/${run}/a/b/file.txt`), 'utf8')).toBe('first');
    expect(fs.readFileSync(path(`.ferry/versions/${run}/a/gone.txt`), 'utf8')).toBe('removed');
    expect(fs.statSync(path('.ferry')).mode & 0o777).toBe(0o700);
  });

  it('keeps every version of a run, also where a file has become a directory', async () => {
    const { replica } = setting;
    const first = await put(replica, 'x', '1');
    const second = await put(replica, 'x', '2', { expected: first.version });
    await replica.remove(at('x'), { expected: second.version });
    await replica.makeDirectory(at('x'));
    const inner = await put(replica, 'x/y', '3');
    await replica.remove(at('x/y'), { expected: inner.version });
    const contents = runs().flatMap((run) => {
      const place = path(`.ferry/versions/${run}/x`);
      const isDirectory = fs.statSync(place).isDirectory();
      return fs.readFileSync(isDirectory ? join(place, 'y') : place, 'utf8');
    });
    expect(contents.sort()).toEqual(['1', '2', '3']);
  });

  it.each(['replaced', 'removed'])(
    'gives back what a program wrote to a file that had been %s, as a conflict copy',
    async (how) => {
      const { replica, outside } = setting;
      await outside.write('folder/file.txt', 'old');
      const program = fs.openSync(path('folder/file.txt'), 'r+');
      const expected = await versionOf(replica, 'folder/file.txt');
      if (how === 'removed') await replica.remove(at('folder/file.txt'), { expected });
      else await put(replica, 'folder/file.txt', 'new', { expected });
      fs.writeSync(program, 'written late', 0);
      fs.closeSync(program);
      const { order } = await observeAll(replica);
      const copy = order.find((name) => name.includes('(conflict laptop ')) ?? '';
      expect(copy).toMatch(/^folder\/file \(conflict laptop .*\)\.txt$/);
      expect(fs.readFileSync(path(copy), 'utf8')).toBe('written late');
      expect((await observeAll(replica)).order).toEqual(order);
    },
  );

  it('looks at an untouched version once and leaves it where it is', async () => {
    const { replica } = setting;
    const first = await put(replica, 'file', '1');
    await put(replica, 'file', '2', { expected: first.version });
    expect(fs.existsSync(path('.ferry/displaced.ndjson'))).toBe(true);
    await observeAll(replica);
    expect(fs.existsSync(path('.ferry/displaced.ndjson'))).toBe(false);
    expect(visible()).toEqual(['file']);
  });
});
