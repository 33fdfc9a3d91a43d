import { expect, test } from '@jest/globals';
import type { KnownListings, ObserveOptions } from '../../core/observation.ts';
import { type ConformanceSetting, notApplicable, observeAll, versionOf } from './setting.ts';

/** What one observation says of listings, and what it yields. */
async function observeListings(
  { replica }: ConformanceSetting,
  known: ReadonlyMap<string, string> = new Map(),
  options: ObserveOptions = {},
): Promise<{ listed: Map<string, string>; order: readonly string[] }> {
  const listed = new Map<string, string>();
  const listings: KnownListings = {
    known: (directory) => known.get(directory),
    listed: (directory, fingerprint) => listed.set(directory, fingerprint),
  };
  const { order } = await observeAll(replica, { ...options, listings });
  return { listed, order };
}

/** What a replica does that tells one state of a directory's listing from another. */
export function knownListingsBehaviour(current: () => ConformanceSetting): void {
  async function fill(): Promise<Map<string, string> | null> {
    const { outside, listingsNeverAlike } = current();
    if (listingsNeverAlike) {
      notApplicable('no two of its listings are alike');
      return null;
    }
    if ((await observeListings(current())).listed.size === 0) {
      notApplicable('it cannot tell one listing from another');
      return null;
    }
    for (const path of ['top.txt', 'a/one.txt', 'a/two.txt', 'a/b/deep.txt', 'c/three.txt'])
      await outside.write(path, path);
    await current().settle();
    const { listed } = await observeListings(current());
    return listed;
  }

  test('an unchanged tree has the same fingerprints, and nothing known is yielded again', async () => {
    const first = await fill();
    if (!first) return;
    expect([...first.keys()].sort()).toEqual(['', 'a', 'a/b', 'c']);
    const second = await observeListings(current(), first);
    expect(second.listed).toEqual(first);
    expect(second.order).toEqual([]);
  });

  test('only the directory in which something changed is yielded', async () => {
    const first = await fill();
    if (!first) return;
    await current().outside.write('a/b/deep.txt', 'DEEPER');
    const { listed, order } = await observeListings(current(), first);
    expect(order).toEqual(['a/b/deep.txt']);
    expect(listed.get('a/b')).not.toBe(first.get('a/b'));
    expect(listed.get('a')).toBe(first.get('a'));
  });

  test.each([
    ['an edit of equal size', 'a', () => current().outside.write('a/one.txt', 'A/ONE.TXT')],
    ['a new file', 'a', () => current().outside.write('a/new.txt', '')],
    ['a removed file', 'a', () => current().outside.remove('a/two.txt')],
    ['a new directory', '', () => current().outside.makeDirectory('new')],
    ['a removed directory', 'a', () => current().outside.remove('a/b')],
    ['a file in place of a directory', '', replaceDirectory],
    ['a new ignored file', 'c', () => current().outside.write('c/scratch.tmp', 'x')],
  ])('%s gives the directory another fingerprint', async (_what, directory, change) => {
    const isIgnored = (path: string): boolean => path.endsWith('.tmp');
    const first = await fill();
    if (!first) return;
    await change();
    const { listed } = await observeListings(current(), first, { isIgnored });
    expect(listed.get(directory)).not.toBe(first.get(directory));
  });

  async function replaceDirectory(): Promise<void> {
    await current().outside.remove('c');
    await current().outside.write('c', 'now a file');
  }

  test('what the replica itself writes gives the directory another fingerprint', async () => {
    const first = await fill();
    if (!first) return;
    const { replica } = current();
    await replica.remove('a/two.txt' as never, { expected: await versionOf(replica, 'a/two.txt') });
    const { listed, order } = await observeListings(current(), first);
    expect(listed.get('a')).not.toBe(first.get('a'));
    expect([...order].sort()).toEqual(['a/b', 'a/one.txt']);
  });
}
