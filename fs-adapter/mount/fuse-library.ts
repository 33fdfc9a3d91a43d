import { constants as fsConstants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type Fuse from 'fuse-native';
import { FerryError } from '../../core/model/errors.ts';

type FuseClass = typeof Fuse;

const DEVICE = '/dev/fuse';
/** Major 10, minor 229, as stat tells them. */
const FUSE_RDEV = (10 << 8) | 229;
const PACKAGES = 'sudo apt-get install -y libfuse2 fuse3';

/** RTLD_NODELETE of glibc, which Node does not name: the library stays, whatever happens to the failed addon. */
const RTLD_NODELETE = 0x1000;

/**
 * Loads fuse-native. It is linked to libfuse 2, which newer systems do not bring; where it is missing, the copy of
 * it that came with fuse-native's packages is loaded first (that one mounts for root only).
 * @throws MOUNT_UNAVAILABLE
 */
export async function loadFuse(): Promise<FuseClass> {
  try {
    return (await import('fuse-native')).default;
  } catch (error) {
    if (!(loadBundledLibrary() && isMissingLibrary(error))) throw unavailable(error);
  }
  try {
    // A failed import of a module is remembered; `require` looks again.
    return createRequire(import.meta.url)('fuse-native') as FuseClass;
  } catch (error) {
    throw unavailable(error);
  }
}

/** Says whether a drive can be mounted here, and if not, why and what would help. */
export async function isMountAvailable(): Promise<
  { readonly available: true } | { readonly available: false; readonly reason: string }
> {
  if (process.platform === 'win32')
    return { available: false, reason: 'Windows has no FUSE; a watched folder is used instead' };
  if (process.platform === 'linux') {
    try {
      if (!(await opensAsFuse()))
        return { available: false, reason: `${DEVICE} is not the FUSE device` };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason =
        code === 'ENOENT'
          ? `${DEVICE} is missing: load the kernel module (sudo modprobe fuse), or give the container that device`
          : `${DEVICE} cannot be opened (${code}): let your user read and write it`;
      return { available: false, reason };
    }
  }
  if (process.platform === 'linux' && process.getuid?.() !== 0 && !(await isOnPath('fusermount')))
    return { available: false, reason: `fusermount is missing; install it with: ${PACKAGES}` };
  try {
    await loadFuse();
    return { available: true };
  } catch (error) {
    return { available: false, reason: (error as Error).message };
  }
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
    const found = access(join(directory, program), fsConstants.X_OK);
    if (await found.then(() => true).catch(() => false)) return true;
  }
  return false;
}

function isMissingLibrary(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED';
}

function unavailable(error: unknown): FerryError {
  const what = isMissingLibrary(error) ? 'libfuse 2 is missing' : 'fuse-native cannot be loaded';
  return new FerryError('MOUNT_UNAVAILABLE', `${what}; install it with: ${PACKAGES}`, {
    cause: error,
  });
}

/** Returns whether the bundled library is in the process now, for the addon to be linked to. */
function loadBundledLibrary(): boolean {
  try {
    const require = createRequire(import.meta.url);
    const manifest = createRequire(require.resolve('fuse-native')).resolve(
      'fuse-shared-library-linux/package.json',
    );
    const library = join(dirname(manifest), 'libfuse/lib/libfuse.so');
    const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
    process.dlopen({ exports: {} }, library, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    return true;
  } catch (error) {
    // It is loaded all right and then refused, as it is no addon.
    return /self-register/.test(String(error));
  }
}
