import { mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Config, EMPTY_CONFIG, PAIR_DEFAULTS } from '../../daemon/config.ts';
import { driveNameFor, noteDrive, waitingDrives } from '../../daemon/drive-names.ts';
import { type Home, pairDirectory, resolveHome } from '../../daemon/home.ts';
import { NO_SCHEDULE } from '../../daemon/schedule.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const PLACE = { mountPoint: '/home/me/My drive', remote: 'https://example.org/dav/' };
const OTHER = { ...PLACE, remote: 'https://other.example/' };

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let home: Home;
beforeEach(async () => {
  folder = await temporaryDirectory('ferry-names');
  home = resolveHome({ FERRY_HOME: folder.path });
});
afterEach(() => folder.close());

describe('driveNameFor', () => {
  it('is the last folder of the mount point, in letters that a name may have', () => {
    expect(driveNameFor(PLACE, EMPTY_CONFIG, home).name).toBe('My-drive');
  });

  it('is the same one when the same remote is mounted there again', async () => {
    await noteDrive(home, 'My-drive', { ...PLACE, pendingUploads: 3 });
    expect(driveNameFor(PLACE, EMPTY_CONFIG, home)).toEqual({ name: 'My-drive', waiting: [] });
  });

  it('is another one for another remote, and tells what the first one has not got yet', async () => {
    const first = { ...PLACE, pendingUploads: 3 };
    await noteDrive(home, 'My-drive', first);
    expect(driveNameFor(OTHER, EMPTY_CONFIG, home)).toEqual({
      name: 'My-drive-2',
      waiting: [first],
    });
  });

  it('is never one that a pair has, or under which anything is kept', async () => {
    const pair = { ...PAIR_DEFAULTS, local: '/x', remote: 'y', schedule: NO_SCHEDULE };
    const config: Config = { ...EMPTY_CONFIG, pairs: new Map([['My-drive', pair]]) };
    expect(driveNameFor(PLACE, config, home).name).toBe('My-drive-2');
    await mkdir(pairDirectory(home, 'My-drive-2'), { recursive: true });
    expect(driveNameFor(PLACE, config, home).name).toBe('My-drive-3');
  });
});

describe('what drives that were taken away have not uploaded yet', () => {
  it('is known until they are mounted again, or have nothing left', async () => {
    expect(waitingDrives(EMPTY_CONFIG, home)).toEqual([]);
    const note = { ...PLACE, pendingUploads: 3 };
    await noteDrive(home, 'My-drive', note);
    await noteDrive(home, 'other', { ...OTHER, pendingUploads: 0 });
    await mkdir(pairDirectory(home, 'docs'), { recursive: true });
    expect(waitingDrives(EMPTY_CONFIG, home)).toEqual([note]);
    const drive = { ...PLACE, direction: 'two-way', fallback: false } as const;
    const mounted: Config = { ...EMPTY_CONFIG, drives: new Map([['My-drive', drive]]) };
    expect(waitingDrives(mounted, home)).toEqual([]);
  });
});
