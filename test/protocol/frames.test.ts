import { describe, expect, test } from '@jest/globals';
import {
  parseBatchEntry,
  parseBatchGet,
  parseBatchLine,
  parseGotEntry,
} from '../../protocol/batch.ts';
import {
  END_OF_FRAMES,
  encodeFrame,
  type Frame,
  type FramedEntry,
  FrameError,
  MAX_GROUP_BYTES,
  readFrames,
} from '../../protocol/frames.ts';

const plain = (value: unknown): FramedEntry => value as FramedEntry;

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function framesOf(bytes: Uint8Array, size = 7): Promise<Frame<FramedEntry>[]> {
  const frames: Frame<FramedEntry>[] = [];
  for await (const frame of readFrames(pieces(bytes, size), plain)) frames.push(frame);
  return frames;
}

function header(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

describe('frames', () => {
  const first = encodeFrame(
    [{ bytes: 5 }, {}, { bytes: 0 }, { bytes: 3 }],
    [Buffer.from('hello'), Buffer.alloc(0), Buffer.from('abc')],
  );
  const second = encodeFrame([], []);
  const whole = Buffer.concat([first, second, END_OF_FRAMES]);

  test.each([1, 2, 7, 64, 4096])(
    'come back as they were sent, in pieces of %d bytes',
    async (size) => {
      const frames = await framesOf(whole, size);
      expect(
        frames.map(({ contents }) => contents.map((one) => Buffer.from(one).toString())),
      ).toEqual([['hello', '', '', 'abc'], []]);
    },
  );

  test('are refused wherever they are cut off, after those before were given', async () => {
    for (let length = 0; length < whole.length; length++) {
      const frames: unknown[] = [];
      const reading = (async () => {
        for await (const frame of readFrames(pieces(whole.subarray(0, length), 7), plain))
          frames.push(frame);
      })();
      await expect(reading).rejects.toThrow(FrameError);
      const complete = length < first.length ? 0 : length < first.length + second.length ? 1 : 2;
      expect(frames).toHaveLength(complete);
    }
  });

  test.each([
    ['something follows the end', Buffer.concat([whole, Buffer.from('x')])],
    ['a header is too long', Buffer.from([0, 16, 0, 1])],
    ['a header is not JSON', header('{"entries":')],
    ['a header is not JSON', header('\u0000')],
    ['a header has no entries', header('{}')],
    ['a header has no entries', header('null')],
    ['a header has no entries', header('{"entries":{}}')],
    ['a header has too many entries', header(`{"entries":[${'{},'.repeat(1000)}{}]}`)],
    ['a group is too large', header(`{"entries":[{"bytes":${MAX_GROUP_BYTES}},{"bytes":1}]}`)],
    ['a group is too large', header('{"entries":[{"bytes":9007199254740991}]}')],
  ])('are refused because %s', async (message, bytes) => {
    await expect(framesOf(bytes)).rejects.toThrow(message);
  });

  test('are not read ahead of the one who takes them', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1;
        yield encodeFrame([{ bytes: 1 }], [Buffer.from('x')]);
      }
    }
    const frames = readFrames(endless(), plain);
    await frames.next();
    await frames.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(read).toBe(2);
    await frames.return();
  });
});

const HASH = 'a'.repeat(64);
const PUT = { path: 'a', if: 'absent', bytes: 1, hash: HASH };

describe('entries of a batch', () => {
  test('are read with what may be left out, and what is unknown is ignored', () => {
    expect(parseBatchEntry({ ...PUT, later: 1 })).toEqual({ op: 'put', ...PUT });
    const full = { op: 'put', ...PUT, if: '"x-1"', mtime: '-12', mode: '0644', onlyCopy: true };
    expect(parseBatchEntry(full)).toEqual(full);
    expect(parseBatchEntry({ op: 'mkcol', path: 'd', if: 1 })).toEqual({ op: 'mkcol', path: 'd' });
    const gone = { op: 'delete', path: 'd', if: 'collection' };
    expect(parseBatchEntry(gone)).toEqual(gone);
  });

  test.each([
    ['no object', []],
    ['no path', { ...PUT, path: undefined }],
    ['a path that is no text', { ...PUT, path: ['a'] }],
    ['another operation', { ...PUT, op: 'move' }],
    ['no condition', { ...PUT, if: undefined }],
    ['a condition of a delete', { ...PUT, if: 'collection' }],
    ['a weak etag', { ...PUT, if: 'W/"a"' }],
    ['a negative length', { ...PUT, bytes: -1 }],
    ['half a byte', { ...PUT, bytes: 0.5 }],
    ['a length that is text', { ...PUT, bytes: '1' }],
    ['a hash of another form', { ...PUT, hash: HASH.toUpperCase() }],
    ['a time that is a number', { ...PUT, mtime: 12 }],
    ['a time with a fraction', { ...PUT, mtime: '1.5' }],
    ['a mode that is none', { ...PUT, mode: '0999' }],
    ['a delete of what is absent', { op: 'delete', path: 'a', if: 'absent' }],
  ])('are refused with %s', (_, value) => {
    expect(() => parseBatchEntry(value)).toThrow(FrameError);
  });

  test('results are read, and what is no result is told', () => {
    const line = { n: 0, status: 201, etag: '"a"', id: 'i', mtime: '1', mode: '0644', kept: 'k' };
    expect(parseBatchLine(line)).toEqual(line);
    for (const wrong of [
      null,
      3,
      {},
      { n: 0, status: 20 },
      { n: 0, status: '201' },
      { n: 0, status: 201, etag: 'a' },
      { status: 201 },
    ])
      expect(parseBatchLine(wrong)).toBeNull();
  });

  test('a question for files is read, and one that is none refused', () => {
    const question = { entries: [['a', '"1"']], only: 'hash' };
    expect(parseBatchGet(question, 1)).toEqual(question);
    const wrong = [{}, { entries: [['a']] }, { entries: [], only: 'size' }, { entries: [1] }];
    for (const one of wrong) expect(() => parseBatchGet(one, 9)).toThrow(FrameError);
    expect(() => parseBatchGet({ entries: [[], []] }, 1)).toThrow('too many');
  });

  test('what is said of a file has a length and a hash, or a refusal', () => {
    expect(parseGotEntry({ status: 200, bytes: 3, hash: HASH }, undefined)).toMatchObject({
      bytes: 3,
    });
    expect(parseGotEntry({ status: 404, bytes: 3 }, undefined)).toEqual({ status: 404 });
    expect(parseGotEntry({ status: 200, bytes: 3, hash: HASH }, 'hash')).toEqual({
      status: 200,
      hash: HASH,
    });
    expect(() => parseGotEntry({ status: 200, hash: HASH }, undefined)).toThrow(FrameError);
  });
});
