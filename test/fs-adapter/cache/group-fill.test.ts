import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import type { FetchContent } from '../../../fs-adapter/cache/content-hydrations.ts';
import type { FetchGroup } from '../../../fs-adapter/cache/group-fill.ts';
import { at, item, writeAll } from '../../conformance/setting.ts';
import { type DriveOnDisk, openDriveOnDisk, programsOn } from '../../support/drive-on-disk.ts';

const OLD = 'as the server has it';
const NEW = 'AS A PROGRAM HAS IT!';
const never = new AbortController().signal;

describe('small files that come in one request', () => {
  let disk: DriveOnDisk;
  /** Called before a file that is fetched alone is answered. */
  let beforeFetch: () => Promise<void>;
  /** Called with the number of each request before it is answered. */
  let beforeAnswer: (request: number) => Promise<void>;

  const fetchGroup: FetchGroup = async (requests) => {
    groups += 1;
    await beforeAnswer(groups);
    return requests.map(({ expected }) => ({ content: disk.remote.get(expected) ?? Buffer.of() }));
  };
  let groups: number;

  beforeEach(async () => {
    groups = 0;
    beforeAnswer = async () => {};
    beforeFetch = async () => {};
    const hydrate: FetchContent = async (_path, version, { range }) => {
      await beforeFetch();
      const bytes = disk.remote.get(version) ?? Buffer.of();
      const { offset, length } = range ?? { offset: 0, length: bytes.length };
      async function* stream(content: Buffer): AsyncIterable<Uint8Array> {
        yield content;
      }
      return { sizeBytes: bytes.length, stream: stream(bytes.subarray(offset, offset + length)) };
    };
    disk = await openDriveOnDisk({ fetchGroup, hydrate });
    for (const path of ['folder/one', 'folder/two']) await arrive(path);
  });
  afterEach(() => disk.close());

  async function arrive(path: string): Promise<void> {
    const version = `v${disk.remote.size}` as Version;
    disk.remote.set(version, Buffer.from(OLD));
    const { replica } = disk.drive;
    if ((await replica.stat(at('folder'))) === null) await replica.makeDirectory(at('folder'));
    const one = { ...item(path, OLD, { expected: 'absent' }), sourceVersion: version };
    await writeAll(replica, [one]);
  }

  const hydrate = () => disk.drive.cache.hydrate([at('folder')], { signal: never });
  const text = async (path: string) => String(await programsOn(disk.drive).read(path));
  const stateOf = (path: string): string | undefined => {
    const entry = disk.drive.tree.find(at(path));
    return entry?.kind === 'file' ? entry.state : undefined;
  };
  const isHere = (path: string): boolean => stateOf(path) === 'hydrated';

  async function edit(path: string): Promise<void> {
    const file = await disk.files.open(path, { write: true, append: false, truncate: false });
    await disk.files.write(file, Buffer.from(NEW), 0);
    disk.files.release(file);
  }

  test('do not overwrite what a program has written to one of them meanwhile', async () => {
    beforeAnswer = () => edit('folder/one');
    await hydrate();
    expect(await text('folder/one')).toBe(NEW);
    expect(await text('folder/two')).toBe(OLD);
    expect(stateOf('folder/one')).toBe('dirty');
  });

  test('asked for twice at a time do not overwrite what was written after the first time', async () => {
    let second = Promise.resolve();
    beforeAnswer = async (request) => {
      if (request === 1) {
        second = hydrate().then(() => undefined);
        return;
      }
      while (!isHere('folder/one')) await new Promise(setImmediate);
      await edit('folder/one');
    };
    await hydrate();
    await second;
    expect(await text('folder/one')).toBe(NEW);
  });

  test('leave a file to the program that fetches it already', async () => {
    let answer = (): void => {};
    beforeFetch = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const reading = text('folder/one');
    let isDone = false;
    const hydrated = hydrate().then(() => {
      isDone = true;
    });
    while (!isHere('folder/two')) await new Promise(setImmediate);
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    expect([isDone, isHere('folder/one')]).toEqual([false, false]);
    answer();
    expect(await reading).toBe(OLD);
    await hydrated;
    await edit('folder/one');
    expect(await text('folder/one')).toBe(NEW);
  });
});
