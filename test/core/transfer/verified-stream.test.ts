import { describe, expect, it } from '@jest/globals';
import type { ContentHash } from '../../../core/model/entry.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import { hashOf, hashStream, VerifiedStream } from '../../../core/transfer/verified-stream.ts';

const path = parseSyncPath('a.bin');

async function* pieces(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

describe('VerifiedStream', () => {
  it('passes every byte on, counts them, and knows the hash only at the end', async () => {
    let counted = 0;
    const stream = new VerifiedStream(pieces('ab', '', 'c'), {
      path,
      sizeBytes: 3,
      onBytes: (count) => {
        counted += count;
      },
    });
    const found: Uint8Array[] = [];
    for await (const piece of stream) {
      expect(stream.hash).toBeUndefined();
      found.push(piece);
    }
    expect(Buffer.concat(found).toString()).toBe('abc');
    expect(counted).toBe(3);
    expect(stream.hash).toBe(hashOf(Buffer.from('abc')));
  });

  it('hashes an empty file', async () => {
    const hash = await hashStream(pieces(), { path, sizeBytes: 0 });
    expect(hash).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
  });

  it('fails at the end when less came than was announced', async () => {
    await expect(hashStream(pieces('ab'), { path, sizeBytes: 3 })).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
      path: 'a.bin',
    });
  });

  it('passes nothing on beyond the announced length', async () => {
    const passed: string[] = [];
    const read = async (): Promise<void> => {
      const stream = new VerifiedStream(pieces('ab', 'cd', 'ef'), { path, sizeBytes: 3 });
      for await (const piece of stream) passed.push(Buffer.from(piece).toString());
    };
    await expect(read()).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
    expect(passed).toEqual(['ab']);
  });

  it('fails when the content is another one of the same length', async () => {
    const hash = hashOf(Buffer.from('abd')) as ContentHash;
    await expect(hashStream(pieces('abc'), { path, sizeBytes: 3, hash })).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
  });

  it('lets the error of its source through', async () => {
    async function* broken(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(1);
      throw new Error('cut');
    }
    await expect(hashStream(broken(), { path, sizeBytes: 1 })).rejects.toThrow('cut');
  });
});
