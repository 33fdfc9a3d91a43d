import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { EMPTY_CONFIG } from '../../daemon/config.ts';
import { DriveParts } from '../../daemon/open-drive.ts';
import type { DriveOptions, MountAvailability } from '../../daemon/parts.ts';
import type { SessionState } from '../../daemon/session-state.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { createMemoryParts, memoryWorkshop } from './memory-parts.ts';

describe('the way that FERRY_MOUNT_BACKEND asks for', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let opened: DriveOptions | null;
  beforeEach(async () => {
    folder = await temporaryDirectory();
    opened = null;
  });
  afterEach(() => folder.close());

  /** Shows a drive where these ways of mounting are available; answers with how it was shown. */
  async function show(
    wanted: string | undefined,
    available: readonly string[],
  ): Promise<SessionState['mount']> {
    const parts = {
      ...createMemoryParts(),
      openDrive: (options: DriveOptions) => {
        opened = options;
        throw new FerryError('MOUNT_UNAVAILABLE', 'mounted');
      },
      isMountAvailable: async (kind?: string): Promise<MountAvailability> =>
        available.some((one) => kind === undefined || one === kind)
          ? { available: true }
          : { available: false, reason: 'it is not built' },
    };
    const memory = memoryWorkshop(folder.path, parts);
    const environment = { ...memory.environment, FERRY_MOUNT_BACKEND: wanted };
    const drive = new DriveParts({ ...memory, environment }, EMPTY_CONFIG, 'drive', {
      remote: 'http://127.0.0.1:9/dav/',
      mountPoint: join(folder.path, 'drive'),
      direction: 'two-way',
      fallback: false,
    });
    const shown = await drive.show();
    drive.abandon();
    await shown.close();
    return shown.mount;
  }

  test('is used and no other', async () => {
    await expect(show('fuse-native', ['native', 'fuse-native'])).rejects.toThrow('mounted');
    expect(opened).toMatchObject({ backend: 'fuse-native' });
  });

  test('is an error with the reason where it is not to be had, though another one is', async () => {
    await expect(show('native', ['fuse-native'])).rejects.toMatchObject({
      code: 'MOUNT_UNAVAILABLE',
      message: expect.stringMatching(/FERRY_MOUNT_BACKEND=native asks: it is not built/),
    });
    expect(opened).toBeNull();
  });

  test('can be a folder, also where drives can be mounted', async () => {
    expect(await show('folder', ['native'])).toEqual({
      mountBackend: 'folder',
      mountNote: 'a folder was asked for (FERRY_MOUNT_BACKEND=folder)',
    });
  });

  test('is the best that there is when nothing is said', async () => {
    await expect(show(undefined, ['native'])).rejects.toThrow('mounted');
    expect(opened).not.toHaveProperty('backend');
    expect(await show('', [])).toMatchObject({ mountBackend: 'folder' });
  });

  test('must be one that there is', async () => {
    await expect(show('fuse', ['native'])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'FERRY_MOUNT_BACKEND is native, fuse-native, folder or not set; it cannot be "fuse"',
    });
  });
});
