import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { listVersions, restoreVersion } from '../../../fs-adapter/folder/kept-versions.ts';
import { at, put } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { type FolderSetting, folderSetting } from './folder-setting.ts';

describe('kept versions', () => {
  let setting: FolderSetting;
  const path = at('folder/file.txt');
  const list = () => listVersions(setting.absolutePath, path);
  const text = () => fs.readFileSync(join(setting.absolutePath, path), 'utf8');
  const restore = (version: string) =>
    restoreVersion({ absolutePath: setting.absolutePath, path, version, replica: setting.replica });

  beforeEach(async () => {
    setting = await folderSetting(availableBackends()[0] ?? 'javascript');
    await setting.replica.makeDirectory(at('folder'));
  });
  afterEach(() => setting.close());

  it('are none for a file that was never replaced', async () => {
    await put(setting.replica, path, 'one');
    expect(await list()).toEqual([]);
    await expect(restore('2026-01-01T00-00-00Z')).rejects.toMatchObject({
      code: 'LOCAL_NOT_FOUND',
    });
  });

  it('come back as they were, and what they replace is kept in turn', async () => {
    const { replica } = setting;
    const one = await put(replica, path, 'one', { mtimeNs: 1_500_000_000_000_001_000n });
    const two = await put(replica, path, 'two!', { expected: one.version });
    await put(replica, path, 'three', { expected: two.version });
    const versions = await list();
    expect(versions.map(({ sizeBytes }) => sizeBytes)).toEqual([4, 3]);
    const entry = await restore(versions[1]?.id ?? '');
    expect(text()).toBe('one');
    expect(entry).toMatchObject({ path, mtimeNs: one.mtimeNs });
    expect((await list()).map(({ sizeBytes }) => sizeBytes)).toEqual([5, 4, 3]);
  });

  it('come back after the file and its directory were removed', async () => {
    const { replica } = setting;
    const { version } = await put(replica, path, 'one');
    await replica.remove(path, { expected: version });
    await replica.remove(at('folder'), { expected: 'directory' });
    await restore((await list())[0]?.id ?? '');
    expect(text()).toBe('one');
  });
});
