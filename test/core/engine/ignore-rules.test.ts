import { describe, expect, it } from '@jest/globals';
import { compileIgnoreRules, IgnoreRules } from '../../../core/engine/ignore-rules.ts';
import type { SyncPath } from '../../../core/model/path.ts';

describe('compileIgnoreRules', () => {
  it("ignores editors' and systems' scratch files by default, and nothing that looks like them", () => {
    const isIgnored = compileIgnoreRules([]);
    for (const path of [
      '.DS_Store',
      'a/.b.txt.swp',
      'notes~',
      'a/~$x.docx',
      '.~lock.a.odt#',
      '#a#',
    ])
      expect([path, isIgnored(path, false)]).toEqual([path, true]);
    for (const path of ['...', '..name', 'a b', 'swap.swp.txt', 'x#', '~x', 'a\\b', 'C:x'])
      expect([path, isIgnored(path, false)]).toEqual([path, false]);
  });

  it('leaves the scratch files in where somebody else looks after them, and obeys all other rules', () => {
    const source = { lines: ['*.log'], nameOf: () => 'pair settings' };
    const { isIgnored } = new IgnoreRules([source], { builtIn: false });
    for (const path of ['.DS_Store', 'notes~', '~$x.docx', '4913'])
      expect([path, isIgnored(path, false)]).toEqual([path, false]);
    expect(isIgnored('a.log', false)).toBe(true);
  });

  it('lets a later line win, also over a default', () => {
    const isIgnored = compileIgnoreRules(['*.log', '!keep.log', '!.DS_Store']);
    expect(isIgnored('a/b.log', false)).toBe(true);
    expect(isIgnored('a/keep.log', false)).toBe(false);
    expect(isIgnored('.DS_Store', false)).toBe(false);
  });

  it('brings nothing back that is in an ignored directory, but does where only the content was ignored', () => {
    const isIgnored = compileIgnoreRules(['whole/', '!whole/keep', 'inside/*', '!inside/keep']);
    expect(isIgnored('whole', true)).toBe(true);
    expect(isIgnored('whole/keep', false)).toBe(true);
    expect(isIgnored('inside', true)).toBe(false);
    expect(isIgnored('inside/x', false)).toBe(true);
    expect(isIgnored('inside/keep', false)).toBe(false);
  });

  it('tells a pattern for directories from a file of that name', () => {
    const isIgnored = compileIgnoreRules(['build/']);
    expect(isIgnored('build', true)).toBe(true);
    expect(isIgnored('build', false)).toBe(false);
  });

  it('takes re: as a regular expression over the whole path, and comments and empty lines as nothing', () => {
    const isIgnored = compileIgnoreRules(['', '# a.txt', 're:^tmp/.*\\d$']);
    expect(isIgnored('tmp/file1', false)).toBe(true);
    expect(isIgnored('x/tmp/file1', false)).toBe(false);
    expect(isIgnored('a.txt', false)).toBe(false);
  });

  it('names the pattern that is no regular expression', () => {
    expect(() => compileIgnoreRules(['re:('])).toThrow(/re:\(/);
  });

  it('tells upper from lower case', () => {
    expect(compileIgnoreRules(['*.Log'])('a.log', false)).toBe(false);
  });
});

describe('rules of several directories', () => {
  const rules = new IgnoreRules([
    { lines: ['*.log', 'out/', '/top'], nameOf: (line) => `.ferryignore:${line}` },
    {
      directory: 'a/b' as SyncPath,
      lines: ['!keep.log', '/here', 're:^deep/.*\\d$', '*.tmp', '!re:^deep/1'],
      nameOf: (line) => `a/b/.ferryignore:${line}`,
    },
    { directory: 'out' as SyncPath, lines: ['!*'], nameOf: (line) => `out/.ferryignore:${line}` },
  ]);

  it.each<readonly [string, boolean]>([
    ['x.log', true],
    ['a/x.log', true],
    ['a/keep.log', true],
    ['a/b/keep.log', false],
    ['a/b/c/keep.log', false],
    ['a/b/other.log', true],
    ['top', true],
    ['a/top', false],
    ['a/b/here', true],
    ['a/b/c/here', false],
    ['here', false],
    ['a/b/x.tmp', true],
    ['a/x.tmp', false],
    ['a/b/deep/x2', true],
    ['deep/x2', false],
    ['a/b/deep/12', false],
    ['out/file', true],
  ])('%s: %s', (path, expected) => {
    expect(rules.isIgnored(path, false)).toBe(expected);
  });

  it('names the rule that decides', () => {
    expect(rules.ignoredBy('a/b/x.tmp', false)).toEqual({
      rule: '*.tmp',
      source: 'a/b/.ferryignore:4',
    });
    expect(rules.ignoredBy('out/file', false)?.source).toBe('.ferryignore:2');
  });
});
