import { describe, expect, test } from '@jest/globals';
import { ListingFingerprint } from '../../../fs-adapter/cache/listing-fingerprint.ts';

const of = (...texts: readonly string[]): string => {
  const fingerprint = new ListingFingerprint();
  for (const text of texts) fingerprint.add(text);
  return fingerprint.text;
};

describe('the fingerprint of a listing', () => {
  test('is the same in any order, and another for anything else', () => {
    expect(of('a/1', 'b/2', 'c/3')).toBe(of('c/3', 'a/1', 'b/2'));
    const others = [of(), of('a/1'), of('a/1', 'b/2'), of('a/1', 'b/2', 'c/4'), of('a/2', 'b/1')];
    expect(new Set([...others, of('a/1', 'a/1'), of('a/1b/2'), of('ab/1', '/2')]).size).toBe(8);
  });

  test('tells twenty thousand neighbouring states apart', () => {
    const seen = new Set<string>();
    for (let counter = 0; counter < 20_000; counter += 1)
      seen.add(of(`file/file/${counter % 20}.${Math.floor(counter / 20)}`, 'other/file/7.1'));
    expect(seen.size).toBe(20_000);
  });
});
