import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import type { Observation } from '../../../core/observation.ts';
import { blankRow, EMPTY_FILE } from '../../../fs-adapter/cache/drive-node.ts';
import { type DriveRow, digestOfRow, encodeRow } from '../../../fs-adapter/cache/drive-row.ts';
import { openDriveStore } from '../../../fs-adapter/cache/drive-store.ts';
import { at } from '../../conformance/setting.ts';
import { type DriveOnDisk, openDriveOnDisk, programsOn } from '../../support/drive-on-disk.ts';

/** What a mount that takes any bytes for names has left. */
const ROWS: readonly (readonly [DriveRow, number])[] = [
  [{ ...blankRow(1, '', 0o755, 0), kind: 'directory' }, 0],
  [{ ...blankRow(2, 'folder', 0o755, 0), kind: 'directory' }, 1],
  [{ ...blankRow(3, 'pipe', 0o755, 0), kind: 'special', format: 0o010000, rdev: 0 }, 2],
  [
    {
      ...blankRow(4, 'latin\ufffd', 0o755, 0),
      nameBytes: Buffer.from('latin\xe9', 'latin1'),
      kind: 'directory',
    },
    1,
  ],
  [{ ...blankRow(5, 'inside', 0o755, 0), ...EMPTY_FILE }, 4],
  [{ ...blankRow(6, 'twice \u00e4', 0o755, 0), ...EMPTY_FILE }, 1],
  [{ ...blankRow(7, 'twice a\u0308', 0o755, 0), ...EMPTY_FILE }, 1],
  [{ ...blankRow(8, 'once a\u0308', 0o755, 0), ...EMPTY_FILE }, 1],
];

async function leaveRows(stateDirectory: string): Promise<void> {
  const store = await openDriveStore(stateDirectory);
  const rows = ROWS.map(([row, parentId]) => encodeRow(row, parentId));
  const digest = rows.reduce((sum, row) => (sum + digestOfRow(row)) >>> 0, 0);
  await store.write(rows, [], { count: rows.length, digest, nextId: 9 });
  await store.setIdentity('left');
  await store.close();
}

describe('what cannot be on the other side', () => {
  let disk: DriveOnDisk;
  beforeEach(async () => {
    disk = await openDriveOnDisk({}, leaveRows);
  });
  afterEach(() => disk.close());

  test('is said to be a problem, or kept quiet about, and stays', async () => {
    const seen: Record<string, string> = {};
    const ignored: string[] = [];
    const note = (one: Observation): void => {
      if (one.type === 'problem') seen[one.path] = one.error.code;
      else seen[one.entry.path] = one.entry.kind;
    };
    const onIgnored = (path: string): void => void ignored.push(path);
    for await (const batch of disk.drive.replica.observe({ onIgnored })) batch.forEach(note);
    expect(seen).toEqual({
      folder: 'directory',
      'latin\ufffd': 'NAME_NOT_ALLOWED',
      'twice \u00e4': 'NAME_NOT_ALLOWED',
      'once \u00e4': 'file',
    });
    expect(ignored).toContain('folder/pipe');
    expect(await disk.drive.replica.identify()).toEqual({ id: 'left' });
  });

  test('keeps its directory where sync would remove it', async () => {
    const removed = disk.drive.replica.remove(at('folder'), { expected: 'directory' });
    await expect(removed).rejects.toMatchObject({ code: 'NOT_EMPTY' });
  });

  test('is found by its NFC path where it has one, by programs and by sync', async () => {
    const { replica, tree } = disk.drive;
    await programsOn(disk.drive).write('once \u00e4', 'content');
    const entry = await replica.stat(at('once ä'));
    expect(entry).toMatchObject({ kind: 'file', sizeBytes: 7, identity: '8' });
    const { id } = tree.find(at('once ä')) ?? { id: 0 };
    expect(tree.pathOf(id)).toBe('once \u00e4');
    expect(tree.pathOf(4)).toBeNull();
    await replica.noteCounterpart?.(at('once ä'), entry?.version as Version, 'r1' as Version);
    expect(tree.entry(id)).toMatchObject({ state: 'hydrated', source: 'r1' });
  });
});
