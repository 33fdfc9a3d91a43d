import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import type Fuse from 'fuse-native';
import { FerryError } from '../../core/model/errors.ts';
import { installLine, reasonAgainstFuse } from './fuse-device.ts';

type FuseClass = typeof Fuse;

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

/** Says why fuse-native cannot mount here; null: it can. */
export async function reasonAgainstLibrary(): Promise<string | null> {
  if (process.platform === 'win32') return 'Windows has no FUSE; a watched folder is used instead';
  const reason = await reasonAgainstFuse('fusermount');
  if (reason !== null) return reason;
  try {
    await loadFuse();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function isMissingLibrary(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED';
}

function unavailable(error: unknown): FerryError {
  const what = isMissingLibrary(error) ? 'libfuse 2 is missing' : 'fuse-native cannot be loaded';
  return new FerryError('MOUNT_UNAVAILABLE', `${what}; ${installLine('fusermount')}`, {
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
