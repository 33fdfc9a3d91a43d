import { expect, test } from '@jest/globals';
import { blake3 } from '@napi-rs/blake-hash';
import { hashEach } from '../../native/index.ts';

test('the hashes of many contents are those of each, in their order', async () => {
  const sizes = [0, 1, 1023, 1024, 1025, 2048, 2049, 7000, 16_385, 100_000, 1_048_577, 5, 0];
  const contents = sizes.map((size, index) => Buffer.alloc(size, `content ${index}`));
  const expected = contents.map((content) => blake3(content).toString('hex'));
  expect(await hashEach(contents)).toEqual(expected);
  for (const [index, content] of contents.entries())
    expect(await hashEach([content])).toEqual([expected[index]]);
  expect(await hashEach([])).toEqual([]);
});

test('a part of a larger buffer is hashed as just that part', async () => {
  const whole = Buffer.from('before content after');
  const part = new Uint8Array(whole.buffer, whole.byteOffset + 7, 7);
  const hash = blake3(Buffer.from('content')).toString('hex');
  expect(await hashEach([part, part])).toEqual([hash, hash]);
});
