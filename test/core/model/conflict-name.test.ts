import { describe, expect, it } from '@jest/globals';
import { conflictCopyName } from '../../../core/model/conflict-name.ts';

const TIMESTAMP = '2026-01-02 03-04-05';

function nameFor(name: string, taken: readonly string[] = [], device = 'laptop'): string {
  return conflictCopyName(name, {
    device,
    timestamp: TIMESTAMP,
    isTaken: (candidate) => taken.includes(candidate),
  });
}

describe('conflictCopyName', () => {
  it.each([
    ['report.txt', 'report (conflict laptop 2026-01-02 03-04-05).txt'],
    ['Makefile', 'Makefile (conflict laptop 2026-01-02 03-04-05)'],
    ['a.b.c', 'a.b (conflict laptop 2026-01-02 03-04-05).c'],
    ['backup.tar.gz', 'backup (conflict laptop 2026-01-02 03-04-05).tar.gz'],
    ['backup.TAR.Zst', 'backup (conflict laptop 2026-01-02 03-04-05).TAR.Zst'],
    ['.bashrc', '.bashrc (conflict laptop 2026-01-02 03-04-05)'],
    ['.config.json', '.config (conflict laptop 2026-01-02 03-04-05).json'],
    ['.tar.gz', '.tar (conflict laptop 2026-01-02 03-04-05).gz'],
    ['name.', 'name. (conflict laptop 2026-01-02 03-04-05)'],
  ])('puts the mark before the extension of %s', (name, expected) => {
    expect(nameFor(name)).toBe(expected);
  });

  it('counts up while the name is taken', () => {
    const first = nameFor('a.txt');
    const second = nameFor('a.txt', [first]);
    expect(second).toBe('a (conflict laptop 2026-01-02 03-04-05) 2.txt');
    expect(nameFor('a.txt', [first, second])).toBe('a (conflict laptop 2026-01-02 03-04-05) 3.txt');
  });

  it.each(['a.txt', 'Makefile', 'x.tar.gz', '.bashrc', 'a (1).txt'])(
    'never nests: a copy of a copy of %s is named after the original',
    (name) => {
      const first = nameFor(name, [], 'other.local');
      const second = nameFor(name, [first], 'other.local');
      expect(nameFor(first)).toBe(nameFor(name));
      expect(nameFor(second)).toBe(nameFor(name));
    },
  );

  it.each(['é', '漢', '👩‍👩‍👧', 'x'])(
    'stays within 255 bytes and cuts the stem at the end of a character (%s)',
    (character) => {
      const name = `${character.repeat(300)}.txt`;
      const copy = nameFor(name, [nameFor(name)]);
      const stem = copy.slice(0, copy.indexOf(' (conflict'));
      expect(Buffer.byteLength(copy)).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(copy)).toBeGreaterThan(225);
      expect(stem.length % character.length).toBe(0);
      expect(copy.endsWith(' 2.txt')).toBe(true);
    },
  );

  it('takes what follows the last dot for an extension only while it has the length of one', () => {
    const copy = nameFor(`Dear Sir. ${'x'.repeat(240)}`);
    expect(Buffer.byteLength(copy)).toBe(255);
    expect(copy.startsWith('Dear Sir. xxx')).toBe(true);
  });

  it('keeps characters out of the name that some file systems refuse, and bounds the device', () => {
    expect(nameFor('a', [], 'my/lap\\top:\0')).toBe(
      'a (conflict my-lap-top-- 2026-01-02 03-04-05)',
    );
    expect(nameFor('a', [], ' ')).toBe('a (conflict unknown 2026-01-02 03-04-05)');
    expect(Buffer.byteLength(nameFor('a', [], 'd'.repeat(500)))).toBeLessThan(120);
  });
});
