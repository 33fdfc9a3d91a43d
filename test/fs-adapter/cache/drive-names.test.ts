import { describe, expect, test } from '@jest/globals';
import { ROOT } from '../../../core/model/path.ts';
import { pathedEntries } from '../../../fs-adapter/cache/drive-names.ts';
import type { DriveEntry } from '../../../fs-adapter/cache/drive-tree.ts';
import { at } from '../../conformance/setting.ts';

function directory(name: string, isNameValid = true): DriveEntry {
  return {
    kind: 'directory',
    id: 2,
    parentId: 1,
    name,
    isNameValid,
    mode: 0o755,
    mtimeNs: 0n,
    identity: 2,
    counter: 0,
    isPinned: false,
    isPlaced: false,
  };
}

describe('the paths of entries for sync', () => {
  function paths(...entries: readonly DriveEntry[]): Record<string, string | null> {
    const found = pathedEntries(at('in'), entries);
    return Object.fromEntries(found.map(({ path, problem }) => [path, problem?.code ?? null]));
  }

  test('are those of their names in NFC', () => {
    expect(paths(directory('plain'), directory('a\u0308'))).toEqual({
      'in/plain': null,
      'in/\u00e4': null,
    });
    expect(pathedEntries(ROOT, [directory('top')]).map(({ path }) => path)).toEqual(['top']);
  });

  test('are a problem where names are not UTF-8, or the same in NFC', () => {
    expect(
      paths(directory('latin\ufffd', false), directory('a\u0308'), directory('ä'), directory('b')),
    ).toEqual({ 'in/latin\ufffd': 'NAME_NOT_ALLOWED', 'in/ä': 'NAME_NOT_ALLOWED', 'in/b': null });
  });

  test("are not given to Ferry's own files and libfuse's", () => {
    const own = [
      directory('.ferry'),
      directory('.ferry-tmp-1'),
      directory(`.fuse_hidden${'0'.repeat(16)}`),
    ];
    expect(paths(...own)).toEqual({});
  });
});
