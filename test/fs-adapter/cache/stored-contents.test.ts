import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import { hashOf } from '../../../core/transfer/verified-stream.ts';
import type { DriveFile } from '../../../fs-adapter/cache/drive-tree.ts';
import { StoredContents } from '../../../fs-adapter/cache/stored-contents.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

describe('contents of a drive for the engine', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let files: Map<string, DriveFile>;
  let filled: string[];
  let contents: StoredContents;

  const path = (name: string): SyncPath => name as SyncPath;
  const versionOf = ({ id, counter }: DriveFile): Version => `${id}.${counter}` as Version;
  const change = (name: string, values: Partial<DriveFile>): void => {
    const file = files.get(name);
    if (file !== undefined) files.set(name, { ...file, ...values });
  };
  const byId = (id: number): [string, DriveFile] | undefined =>
    [...files].find(([, file]) => file.id === id);
  const request = (name: string) => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`no ${name}`);
    return { path: path(name), expected: versionOf(file), sizeBytes: file.sizeBytes };
  };

  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-stored');
    files = new Map();
    filled = [];
    contents = new StoredContents({
      tree: {
        entry: (id) => byId(id)?.[1] ?? null,
        backingPath: (backing) => join(folder.path, String(backing)),
        noteHash: (id, counter, hash) => {
          const [name, file] = byId(id) ?? [];
          if (name !== undefined && file?.counter === counter) change(name, { hash });
        },
      },
      expectFile(at, expected) {
        const file = files.get(at);
        if (file !== undefined && versionOf(file) === expected) return file;
        throw new FerryError('CHANGED', `${at}: something else is there`, { path: at });
      },
      async fill({ id }) {
        const [name, file] = byId(id) ?? [];
        if (name === undefined || file === undefined) return;
        filled.push(name);
        await fs.writeFile(join(folder.path, String(id)), 'x'.repeat(file.sizeBytes));
        change(name, { state: 'hydrated', backing: id });
      },
    });
  });
  afterEach(async () => {
    await contents.close();
    await folder.close();
  });

  async function put(name: string, content: Buffer, values: Partial<DriveFile> = {}) {
    const id = files.size + 1;
    await fs.writeFile(join(folder.path, String(id)), content);
    files.set(name, {
      kind: 'file',
      id,
      identity: id,
      parentId: 0,
      name,
      isNameValid: true,
      mode: 0o644,
      mtimeNs: 0n,
      counter: 1,
      isPinned: false,
      isPlaced: true,
      sizeBytes: content.length,
      state: 'dirty',
      source: null,
      hash: null,
      backing: content.length === 0 ? null : id,
      storedBytes: content.length,
      handles: 0,
      writers: 0,
      closed: null,
      usedAtMs: 0,
      ...values,
    });
  }

  test('a group is read in its order, empty files too, and the hashes are noted', async () => {
    await put('one', Buffer.from('first'));
    await put('none', Buffer.alloc(0));
    await put('two', Buffer.from('second'));
    const results = await contents.readMany(['one', 'none', 'two'].map(request));
    expect(
      results.map((result) => 'content' in result && String(Buffer.from(result.content))),
    ).toEqual(['first', '', 'second']);
    expect(results[2]).toMatchObject({ hash: hashOf(Buffer.from('second')) });
    expect(files.get('one')?.hash).toBe(hashOf(Buffer.from('first')));
  });

  test('what has changed, or is being changed, is answered so, and stops nothing else', async () => {
    for (const name of ['changed', 'grown', 'gone', 'fine']) await put(name, Buffer.from(name));
    const requests = ['changed', 'grown', 'gone', 'fine'].map(request);
    change('changed', { counter: 2 });
    await fs.appendFile(join(folder.path, '2'), ' and more');
    await fs.rm(join(folder.path, '3'));
    const results = await contents.readMany(requests);
    expect(results.map((result) => ('error' in result ? result.error.code : 'read'))).toEqual([
      'CHANGED',
      'CHANGED',
      'CHANGED',
      'read',
    ]);
    expect(files.get('grown')?.hash).toBeNull();
  });

  test('a file that a program begins to write while it is read has changed', async () => {
    await put('file', Buffer.from('before'));
    const asked = request('file');
    const reading = contents.readMany([asked]);
    change('file', { counter: 2, closed: { counter: 1, sizeBytes: 6, mtimeNs: 0n } });
    expect(await reading).toMatchObject([{ error: { code: 'CHANGED' } }]);
  });

  test('a placeholder is fetched first', async () => {
    await put('far', Buffer.from('xxx'), { state: 'placeholder', backing: null, storedBytes: 0 });
    expect(await contents.readMany([request('far')])).toMatchObject([
      { hash: hashOf(Buffer.from('xxx')) },
    ]);
    expect(filled).toEqual(['far']);
  });

  test('files of any size are hashed where they are, and one whose hash is known is not read', async () => {
    const large = randomBytes(3 * 1024 * 1024);
    await put('large', large);
    await put('small', Buffer.from('small'));
    const known = 'ab'.repeat(32) as ContentHash;
    await put('known', Buffer.from('whatever'), { hash: known, state: 'placeholder' });
    let bytes = 0;
    const hashes = await contents.hashMany(['large', 'known', 'small'].map(request), {
      onBytes: (count) => {
        bytes += count;
      },
    });
    expect(hashes).toEqual([hashOf(large), known, hashOf(Buffer.from('small'))]);
    expect(bytes).toBe(large.length + 5);
    expect([filled, files.get('large')?.hash]).toEqual([[], hashOf(large)]);
  });

  test('a file is cut into chunks with the hash of the whole, unless it changes meanwhile', async () => {
    const large = randomBytes(2 * 1024 * 1024);
    await put('large', large);
    const { expected } = request('large');
    const list = await contents.chunksOf(path('large'), { expected, averageBytes: 65_536 });
    expect(list).toMatchObject({
      hash: hashOf(large),
      sizeBytes: large.length,
      averageBytes: 65_536,
    });
    expect(list.chunks.length).toBeGreaterThan(16 * 10);
    const cutting = contents.chunksOf(path('large'), { expected });
    change('large', { counter: 2 });
    await expect(cutting).rejects.toMatchObject({ code: 'CHANGED' });
  });

  test('a cancelled read is cancelled', async () => {
    await put('file', Buffer.from('content'));
    const signal = AbortSignal.abort();
    await expect(contents.readMany([request('file')], { signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
