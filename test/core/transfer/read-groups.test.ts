import { describe, expect, it } from '@jest/globals';
import type { FileEntry, Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import type { ReadRequest, ReadResult, Replica, WriteItem } from '../../../core/ports.ts';
import { groupReader } from '../../../core/transfer/read-groups.ts';
import type { Throttle } from '../../../core/transfer/throttle.ts';
import { hashOf } from '../../../core/transfer/verified-stream.ts';
import { createMemoryReplica } from '../../../remotes/memory/memory-replica.ts';
import { at, item } from '../../conformance/setting.ts';

const { signal } = new AbortController();

/** A side that answers what it is told to, and remembers how it was asked. */
function sideOf(answer: (request: ReadRequest) => ReadResult) {
  const asked: number[] = [];
  const replica: Replica = {
    ...createMemoryReplica(),
    readMany: async (requests) => {
      asked.push(requests.length);
      return requests.map(answer);
    },
  };
  return { replica, asked };
}

/** Reads files that were announced as `announced`; returns contents or codes, and what was heard meanwhile. */
async function read(
  announced: Readonly<Record<string, string>>,
  answer: (request: ReadRequest) => ReadResult,
  throttle: Throttle | null = null,
) {
  const { replica, asked } = sideOf(answer);
  const heard = { hashes: [] as string[], bytes: 0, changed: 0 };
  const contents = groupReader({
    replica,
    throttle,
    signal,
    sourceOf: ({ path }) => {
      const content = Buffer.from(announced[path] ?? '');
      const entry: FileEntry = {
        path,
        kind: 'file',
        version: 'v' as Version,
        sizeBytes: content.length,
        hash: hashOf(content),
      };
      return { path, entry };
    },
    onRead: (_item, hash, sizeBytes) => {
      heard.hashes.push(hash);
      heard.bytes += sizeBytes;
    },
    onChanged: () => {
      heard.changed++;
    },
  });
  const items: WriteItem[] = Object.entries(announced).map(([path, text]) => item(path, text));
  const found = (await contents?.(items)) ?? [];
  const said = found.map((each) =>
    each instanceof FerryError ? each.code : Buffer.from(each).toString(),
  );
  return { said, asked, ...heard };
}

describe('groupReader', () => {
  it('gives contents in the order asked for, and tells their hashes and bytes', async () => {
    const announced = { one: '1', two: '22', empty: '' };
    const found = await read(announced, ({ path }) => ({
      content: Buffer.from(announced[path as keyof typeof announced]),
    }));
    expect(found.said).toEqual(['1', '22', '']);
    expect(found.hashes).toEqual(['1', '22', ''].map((text) => hashOf(Buffer.from(text))));
    expect(found.bytes).toBe(3);
    expect(found.asked).toEqual([3]);
  });

  it('refuses what is not the announced content, and only that', async () => {
    const there = new Map(Object.entries({ good: 'good', short: 'sho', other: 'OTHER' }));
    const found = await read({ good: 'good', short: 'short', other: 'other' }, ({ path }) => ({
      content: Buffer.from(there.get(path) ?? ''),
    }));
    expect(found.said).toEqual(['good', 'REMOTE_PROTOCOL', 'REMOTE_PROTOCOL']);
    expect(found.bytes).toBe(4);
  });

  it('says that a file has changed, and leaves its content out', async () => {
    const found = await read({ gone: 'gone', here: 'here' }, ({ path }) =>
      path === at('gone')
        ? { error: new FerryError('CHANGED', 'gone') }
        : { content: Buffer.from('here') },
    );
    expect(found.said).toEqual(['CHANGED', 'here']);
    expect(found.changed).toBe(1);
  });

  it('says of a file that was not answered that it was not read', async () => {
    const { replica } = sideOf(() => ({ content: Buffer.from('x') }));
    const contents = groupReader({
      replica: { ...replica, readMany: async () => [] },
      throttle: null,
      signal,
      sourceOf: ({ path }) => ({
        path,
        entry: { path, kind: 'file', version: 'v' as Version, sizeBytes: 1 },
      }),
      onRead: () => undefined,
      onChanged: () => undefined,
    });
    expect(await contents?.([item('file', 'x')])).toMatchObject([{ code: 'INTERNAL' }]);
  });

  it('reads no more at once than the rate allows, and waits for what came', async () => {
    const spent: number[] = [];
    const throttle: Throttle = {
      burstBytes: 10,
      limit: (source) => source,
      spend: async (bytes) => {
        spent.push(bytes);
      },
    };
    const announced = { a: '12345', b: '12345', c: '1', d: 'x'.repeat(30), e: '1' };
    const found = await read(
      announced,
      ({ path }) => ({ content: Buffer.from(announced[path as keyof typeof announced]) }),
      throttle,
    );
    expect(found.asked).toEqual([2, 1, 1, 1]);
    expect(spent).toEqual([10, 1, 30, 1]);
  });

  it('is absent where the side reads nothing in groups', () => {
    const { readMany: _, ...single } = sideOf(() => ({ content: new Uint8Array() })).replica;
    const options = { throttle: null, signal, onRead: () => undefined, onChanged: () => undefined };
    const sourceOf = () => {
      throw new Error('nothing is asked for');
    };
    expect(groupReader({ ...options, sourceOf, replica: single })).toBeUndefined();
  });
});
