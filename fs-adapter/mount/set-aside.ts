import { promises as fs } from 'node:fs';
import { FerryError } from '../../core/model/errors.ts';

const MAX_NAMES = 100;

/** Returns `2026-11-21 11-24-40`, in local time, as conflict copies have it. */
function stamp(nowMs: number): string {
  const time = new Date(nowMs);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('-')}`;
}

/**
 * Gives a directory with everything in it another name beside it, makes an empty one in its place, and returns the
 * new name: programs that went on writing while a drive was gone wrote here, and none of it may be lost or hidden.
 * @throws MOUNT_BUSY when it cannot be renamed, and then nothing has changed
 */
export async function setAside(directory: string, nowMs: number): Promise<string> {
  const { mode } = await fs.stat(directory);
  const stem = `${directory} (written while not mounted ${stamp(nowMs)})`;
  for (let n = 1; n <= MAX_NAMES; n += 1) {
    const aside = n === 1 ? stem : `${stem} ${n}`;
    if (await exists(aside)) continue;
    try {
      await fs.rename(directory, aside);
    } catch (error) {
      throw new FerryError(
        'MOUNT_BUSY',
        `${directory} holds what was written while the drive was not mounted, and it cannot be put aside: move it away by hand`,
        { path: directory, cause: error },
      );
    }
    await fs.mkdir(directory, { mode });
    return aside;
  }
  throw new FerryError('MOUNT_BUSY', `${directory} is not empty; move its content away`, {
    path: directory,
  });
}

async function exists(absolutePath: string): Promise<boolean> {
  return fs.lstat(absolutePath).then(
    () => true,
    () => false,
  );
}
