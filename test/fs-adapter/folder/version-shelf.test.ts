import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Displacement, StoredVersion } from '../../../core/ports.ts';
import { at, put, versionOf } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { type FolderSetting, folderSetting } from './folder-setting.ts';

const NOTE: Displacement = { cause: 'replaced', run: 4, isOnlyCopy: false };

describe('the versions of a folder', () => {
  let setting: FolderSetting;

  beforeEach(async () => {
    setting = await folderSetting(availableBackends()[0] ?? 'javascript');
    await setting.replica.makeDirectory(at('folder'));
  });
  afterEach(() => setting.close());

  async function list(path = ''): Promise<readonly StoredVersion[]> {
    const found: StoredVersion[] = [];
    for await (const batch of setting.replica.versions?.list(at(path)) ?? []) found.push(...batch);
    return found;
  }

  async function textOf(version: StoredVersion | undefined): Promise<string> {
    if (!version || !setting.replica.versions) throw new Error('no version');
    const { stream } = await setting.replica.versions.read(version);
    const pieces: Uint8Array[] = [];
    for await (const piece of stream) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  }

  async function replace(path: string, content: string, displacement: Displacement): Promise<void> {
    const { replica } = setting;
    const expected = await versionOf(replica, path);
    const item = {
      path: at(path),
      expected,
      sizeBytes: content.length,
      sourceVersion: expected,
      displacement,
      open: async () => [Buffer.from(content)] as unknown as AsyncIterable<Uint8Array>,
    };
    for await (const results of replica.writeMany([item]))
      for (const result of results) if ('error' in result) throw result.error;
  }

  it('say when, why and in which run each was displaced, the latest first', async () => {
    const { replica } = setting;
    await put(replica, 'folder/file.txt', 'one', { mtimeNs: 1_500_000_000_000_001_000n });
    await replace('folder/file.txt', 'two!', NOTE);
    const expected = await versionOf(replica, 'folder/file.txt');
    const displacement: Displacement = { cause: 'deleted', run: 5, isOnlyCopy: false };
    await replica.remove(at('folder/file.txt'), { expected, displacement });
    const versions = await list('folder/file.txt');
    expect(versions).toMatchObject([
      { sizeBytes: 4, cause: 'deleted', run: 5, isOnlyCopy: false },
      { sizeBytes: 3, cause: 'replaced', run: 4, mtimeNs: 1_500_000_000_000_001_000n },
    ]);
    expect(await Promise.all(versions.map(textOf))).toEqual(['two!', 'one']);
    expect(await list('folder')).toEqual(versions);
    expect(await list('elsewhere')).toEqual([]);
  });

  it('tell whoever displaced one how it is called', async () => {
    await put(setting.replica, 'folder/file.txt', 'one');
    const names: string[] = [];
    await replace('folder/file.txt', 'two', { ...NOTE, onKept: (name) => names.push(name) });
    expect(names).toEqual((await list()).map(({ id }) => id));
  });

  it('mark a content that the other side never had by the folder it is moved to', async () => {
    await put(setting.replica, 'folder/file.txt', 'local work');
    await replace('folder/file.txt', 'of the server', { ...NOTE, isOnlyCopy: true });
    const [version] = await list();
    expect(version?.isOnlyCopy).toBe(true);
    const place = join(setting.absolutePath, '.ferry/versions', `${version?.id}/folder/file.txt`);
    expect(version?.id).toMatch(/Z-only-copy$/);
    expect(fs.readFileSync(place, 'utf8')).toBe('local work');
  });

  it('keep links with their targets', async () => {
    const { replica } = setting;
    await replica.makeLink(at('folder/link'), 'file.txt');
    const expected = await versionOf(replica, 'folder/link');
    await replica.remove(at('folder/link'), { expected, displacement: NOTE });
    expect(await list('folder')).toMatchObject([{ kind: 'symlink', target: 'file.txt' }]);
  });

  it('are listed without a reason when the notes are gone', async () => {
    await put(setting.replica, 'folder/file.txt', 'one');
    await replace('folder/file.txt', 'two', NOTE);
    const [{ id } = { id: '' }] = await list();
    fs.rmSync(join(setting.absolutePath, `.ferry/versions/${id}.ndjson`));
    expect(await list()).toMatchObject([{ path: 'folder/file.txt', cause: null, run: null }]);
  });

  it('are kept under a short name when their own path would be too long', async () => {
    const { replica } = setting;
    const deep = Array.from({ length: 16 }, () => 'd'.repeat(235)).join('/');
    let directory = '';
    for (const name of deep.split('/')) {
      directory = directory === '' ? name : `${directory}/${name}`;
      await replica.makeDirectory(at(directory));
    }
    const path = `${directory}/${'f'.repeat(190)}`;
    await put(replica, path, 'far down');
    const expected = await versionOf(replica, path);
    await replica.remove(at(path), { expected, displacement: NOTE });
    const [version, ...others] = await list();
    expect(others).toEqual([]);
    expect(version).toMatchObject({ path, cause: 'replaced', run: 4 });
    expect(await textOf(version)).toBe('far down');
  });
});
