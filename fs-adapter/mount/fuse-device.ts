import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const DEVICE = '/dev/fuse';
/** Major 10, minor 229, as stat tells them. */
const FUSE_RDEV = (10 << 8) | 229;
const PACKAGES = { fusermount: 'libfuse2 fuse3', fusermount3: 'fuse3' } as const;

/** Which program lets an ordinary user mount. */
export type MountProgram = keyof typeof PACKAGES;

/** Says how to install what a way of mounting needs. */
export function installLine(program: MountProgram): string {
  return `install it with: sudo apt-get install -y ${PACKAGES[program]}`;
}

/** Says why this kernel, or this user, cannot mount file systems of programs; null: that is possible. */
export async function reasonAgainstFuse(program: MountProgram): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  try {
    if (!(await opensAsFuse())) return `${DEVICE} is not the FUSE device`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? `${DEVICE} is missing: load the kernel module (sudo modprobe fuse), or give the container that device`
      : `${DEVICE} cannot be opened (${code}): let your user read and write it`;
  }
  if (process.getuid?.() === 0 || (await isOnPath(program))) return null;
  return `${program} is missing; ${installLine(program)}`;
}

/** Opens the device, as a container may show one that it lets nobody open; opening it alone has no effect. */
async function opensAsFuse(): Promise<boolean> {
  const device = await open(DEVICE, 'r+');
  try {
    const { rdev } = await device.stat();
    return rdev === FUSE_RDEV;
  } finally {
    await device.close();
  }
}

async function isOnPath(program: string): Promise<boolean> {
  const { PATH = '/usr/bin:/bin' } = process.env;
  for (const directory of PATH.split(delimiter)) {
    const found = access(join(directory, program), constants.X_OK);
    if (await found.then(() => true).catch(() => false)) return true;
  }
  return false;
}
