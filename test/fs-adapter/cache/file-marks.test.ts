import { describe, expect, test } from '@jest/globals';
import type { SyncPath } from '../../../core/model/path.ts';
import type { DriveEntry } from '../../../fs-adapter/cache/drive-tree.ts';
import { FileMarks } from '../../../fs-adapter/cache/file-marks.ts';

describe('marks of files', () => {
  const marks = new Map<number, string | null>();
  const paths = ['', 'mine', 'theirs', 'other'];
  const tree = {
    find: (path: SyncPath) => {
      const id = paths.indexOf(path);
      return id < 0 ? null : ({ kind: 'file', id } as DriveEntry);
    },
    setMark: (id: number, mark: string | null) => void marks.set(id, mark),
  };
  const files = new FileMarks(tree);

  test('a file is marked while it is uploaded, and in conflict again after it', () => {
    files.setConflicts(['mine', 'theirs', 'gone'] as SyncPath[]);
    files.uploading({ id: 1, parentId: 0, name: 'one' });
    files.uploading({ id: 3, parentId: 0, name: 'three' });
    expect([...marks]).toEqual([
      [1, 'uploading'],
      [2, 'conflict'],
      [3, 'uploading'],
    ]);
    files.uploadEnded(1);
    files.allEnded();
    expect([marks.get(1), marks.get(3)]).toEqual(['conflict', null]);
    expect([files.isInConflict(1), files.isInConflict(3)]).toEqual([true, false]);
  });

  test('a conflict that is over is not shown any more', () => {
    files.setConflicts(['theirs'] as SyncPath[]);
    expect([marks.get(1), marks.get(2)]).toEqual([null, 'conflict']);
    files.setConflicts([]);
    expect(marks.get(2)).toBeNull();
  });
});
