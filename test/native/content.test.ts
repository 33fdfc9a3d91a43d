import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { blake3 } from '@napi-rs/blake-hash';
import { chunkAverageFor } from '../../core/model/chunk-average.ts';
import { type ContentHasher, openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';
import { randomBytes } from './random-bytes.ts';

const hex = (content: Uint8Array): string => blake3(Buffer.from(content)).toString('hex');

interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly hash: string;
}

function chunksIn(list: Uint8Array): readonly Chunk[] {
  const entries = Buffer.from(list);
  const found: Chunk[] = [];
  let offset = 0;
  for (let at = 0; at < entries.length; at += 16) {
    const length = entries.readUInt32BE(at);
    found.push({ offset, length, hash: entries.toString('hex', at + 4, at + 16) });
    offset += length;
  }
  return found;
}

/** Returns how many bytes of `after` are in chunks that `before` does not have. */
function newBytes(before: readonly Chunk[], after: readonly Chunk[]): number {
  const known = new Set(before.map(({ length, hash }) => `${length} ${hash}`));
  const added = after.filter(({ length, hash }) => !known.has(`${length} ${hash}`));
  return added.reduce((sum, { length }) => sum + length, 0);
}

describe.each(availableBackends())('Contents of a SafeRoot (%s)', (backend) => {
  let directory: string;
  let root: SafeRoot;
  const at = (name: string): string => join(directory, name);
  const code = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'no error',
      (error: NodeJS.ErrnoException) => (typeof error.code === 'string' ? error.code : error.name),
    );
  const chunked = async (content: Uint8Array, averageBytes: number): Promise<readonly Chunk[]> => {
    fs.writeFileSync(at('content'), content);
    return chunksIn((await root.chunkFile('content', averageBytes)).chunks);
  };

  beforeEach(async () => {
    directory = fs.mkdtempSync('/tmp/ferry-test-');
    root = await openSafeRoot(directory, { backend });
  });
  afterEach(async () => {
    await root.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('hashes contents of all lengths around the sizes of blocks, leaves and subtrees as the library does', async () => {
    const content = randomBytes(1, 3_200_000);
    const lengths = new Set([0, 1, 63, 64, 65, 3_199_999, 3_200_000]);
    for (let length = 0; length <= 20_000; length += 173) lengths.add(length);
    for (const leaves of [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 255, 257, 1024, 1025, 2048])
      for (const more of [-1, 0, 1]) lengths.add(leaves * 1024 + more);
    for (const length of lengths) {
      const hasher = root.createHasher();
      await hasher.update(content.subarray(0, length));
      expect([length, hasher.digest()]).toEqual([length, hex(content.subarray(0, length))]);
    }
  });

  it('hashes the same however a content is split', async () => {
    const content = randomBytes(2, 1_500_000);
    const splits = randomBytes(3, 400);
    for (let round = 0; round < 20; round++) {
      const hasher: ContentHasher = root.createHasher();
      let offset = 0;
      for (let part = 0; offset < content.length; part++) {
        const scale = 10 ** (1 + ((splits[round * 20 + (part % 20)] ?? 0) % 5));
        const length = 1 + Math.floor((((splits[part % 400] ?? 0) + 1) / 257) * 5 * scale);
        await hasher.update(content.subarray(offset, offset + length));
        offset += length;
        if (part % 7 === 0)
          expect(hasher.digest()).toBe(hex(content.subarray(0, Math.min(offset, content.length))));
      }
      expect(hasher.digest()).toBe(hex(content));
    }
  });

  it('hashes a file and says what it was before and after', async () => {
    const content = randomBytes(4, 700_001);
    fs.writeFileSync(at('file'), content);
    fs.writeFileSync(at('empty'), '');
    const { before, after, hash } = await root.hashFile('file');
    expect(hash).toBe(hex(content));
    expect(before).toEqual(await root.stat('file'));
    expect(after).toEqual(before);
    expect((await root.hashFile('empty')).hash).toBe(hex(Buffer.alloc(0)));
  });

  it('hashes and cuts nothing but regular files inside the root', async () => {
    fs.mkdirSync(at('directory'));
    fs.symlinkSync('/etc/passwd', at('link'));
    for (const act of [
      (path: string) => root.hashFile(path),
      (path: string) => root.chunkFile(path, 1024),
    ]) {
      expect(await code(act('directory'))).toBe('EISDIR');
      expect(await code(act('link'))).toBe('ELOOP');
      expect(await code(act('missing'))).toBe('ENOENT');
      expect(await code(act('../x'))).not.toBe('no error');
    }
    fs.writeFileSync(at('file'), 'x');
    for (const average of [255, 0, -1, 1000.5, Number.NaN, 2 ** 40])
      expect(await code(root.chunkFile('file', average))).toBe('RangeError');
  });

  it('ends when it is cancelled', async () => {
    fs.writeFileSync(at('file'), randomBytes(5, 100_000));
    const signal = AbortSignal.abort();
    expect(await code(root.hashFile('file', { signal }))).toBe('AbortError');
    const later = new AbortController();
    const hashing = root.chunkFile('file', 1024, { signal: later.signal });
    later.abort();
    expect(['no error', 'AbortError']).toContain(await code(hashing));
  });

  it('lists chunks that are the whole content in order, each with its hash', async () => {
    const content = randomBytes(6, 300_000);
    const chunks = await chunked(content, 1024);
    let offset = 0;
    for (const chunk of chunks) {
      expect(chunk.offset).toBe(offset);
      expect(chunk.length).toBeGreaterThan(0);
      expect(chunk.length).toBeLessThanOrEqual(4096);
      const bytes = content.subarray(offset, offset + chunk.length);
      expect(chunk.hash).toBe(hex(bytes).slice(0, 24));
      offset += chunk.length;
    }
    expect(offset).toBe(content.length);
    expect(chunks.length).toBeGreaterThan(220);
    expect(chunks.length).toBeLessThan(380);
    expect((await root.chunkFile('content', 1024)).hash).toBe(hex(content));
  });

  it('cuts short contents and endless repetitions too', async () => {
    for (const length of [0, 1, 31, 32, 33, 64, 100, 4096])
      expect((await chunked(Buffer.alloc(length, 7), 1024)).length).toBe(Math.ceil(length / 4096));
    const zeros = await chunked(Buffer.alloc(100_000), 1024);
    expect(new Set(zeros.slice(0, -1).map(({ hash }) => hash)).size).toBe(1);
  });

  it('finds nearly all chunks again after edits and after insertions of any length', async () => {
    const content = randomBytes(7, 600_000);
    const before = await chunked(content, 1024);
    for (const inserted of [1, 63, 4096, 10_001]) {
      const edited = Buffer.concat([
        content.subarray(0, 200_123),
        randomBytes(8, inserted),
        content.subarray(200_123, 400_000),
        Buffer.from('edit'),
        content.subarray(400_004),
      ]);
      expect(newBytes(before, await chunked(edited, 1024))).toBeLessThan(inserted + 2 * 3 * 1024);
    }
    expect(newBytes(before, await chunked(content.subarray(50_000), 1024))).toBeLessThan(3 * 1024);
  });

  it('copies ranges between files and hashes them on the way', async () => {
    const content = randomBytes(9, 900_000);
    fs.writeFileSync(at('source'), content);
    const source = fs.openSync(at('source'), 'r');
    const target = fs.openSync(at('target'), 'w+');
    const hasher = root.createHasher();
    const from = { fd: source, offset: 100 };
    expect(await root.copyRange(from, { fd: target, offset: 0 }, 800_000, hasher)).toBe(800_000);
    expect(
      await root.copyRange({ fd: source, offset: 899_000 }, { fd: target, offset: 800_000 }, 5000),
    ).toBe(1000);
    expect(
      await root.copyRange({ fd: source, offset: 2 ** 40 }, { fd: target, offset: 0 }, 5),
    ).toBe(0);
    await root.startWriteback({ fd: target, offset: 0 }, 801_000);
    const copied = fs.readFileSync(at('target'));
    const expected = Buffer.concat([content.subarray(100, 800_100), content.subarray(899_000)]);
    expect(copied.equals(expected)).toBe(true);
    expect(copied.length).toBe(801_000);
    expect(hasher.digest()).toBe(hex(content.subarray(100, 800_100)));
    fs.closeSync(source);
    fs.closeSync(target);
  });
});

describe('Chunks of both backends', () => {
  it('have the same cuts', async () => {
    const directory = fs.mkdtempSync('/tmp/ferry-test-');
    const text = Array.from({ length: 9000 }, (_, line) => `${line % 7}: line ${line} of a log\n`);
    const content = Buffer.concat([
      randomBytes(10, 500_000),
      Buffer.alloc(70_000),
      Buffer.from(text.join('')),
      randomBytes(11, 100_003),
    ]);
    fs.writeFileSync(join(directory, 'file'), content);
    const lists: string[] = [];
    for (const backend of availableBackends())
      for (const averageBytes of [256, 1000, 2688]) {
        const root = await openSafeRoot(directory, { backend });
        const { chunks } = await root.chunkFile('file', averageBytes);
        lists.push(Buffer.from(chunks).toString('hex'));
        await root.close();
      }
    fs.rmSync(directory, { recursive: true });
    expect(new Set(lists).size).toBe(3);
  });
});

describe('chunkAverageFor', () => {
  it('keeps a list below 0.6 % of the content, and below 17 MiB', () => {
    for (let size = 1024 * 1024; size < 2 ** 44; size = Math.floor(size * 1.7)) {
      const average = chunkAverageFor(size);
      const list = (size / average) * 16;
      expect(list).toBeLessThan(size * 0.006);
      expect(list).toBeLessThan(17 * 1024 * 1024);
    }
    expect(chunkAverageFor(1)).toBe(chunkAverageFor(2 ** 30));
  });
});
