import { promises as fs } from 'node:fs';
import { FerryError } from '../../core/model/errors.ts';
import { type MountPointRequest, mountAt, prepareMountPoint } from './mount-point.ts';

const TRIES = 10;

export interface TakenPlace<T> {
  readonly mounted: T;
  /** Where what was written into the bare directory meanwhile is now; null: nothing was. */
  readonly putAside: string | null;
}

/**
 * Makes a mount point ready and mounts there. Programs that write into the bare directory between the two would make
 * the mount fail: for a drive that was shown there before, that is put aside too.
 * @throws what `prepareMountPoint` and `mount` throw
 */
export async function takePlace<T>(
  request: MountPointRequest,
  mount: () => Promise<T>,
): Promise<TakenPlace<T>> {
  const { mountPoint, wasShown } = request;
  let putAside: string | null = null;
  for (let attempt = 1; ; attempt += 1) {
    putAside = (await prepareMountPoint(request)) ?? putAside;
    try {
      return { mounted: await mount(), putAside };
    } catch (error) {
      const isDisturbed = wasShown && (await isUsedBare(mountPoint));
      if (attempt === TRIES || !isDisturbed || !(error instanceof FerryError)) throw error;
    }
  }
}

async function isUsedBare(mountPoint: string): Promise<boolean> {
  if ((await mountAt(mountPoint)) !== null) return false;
  const names = await fs.readdir(mountPoint).catch(() => []);
  return names.length > 0;
}
