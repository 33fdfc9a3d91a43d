import { FerryError } from '../core/model/errors.ts';

/** A way to show a drive as a mounted file system. */
export type MountKind = 'native' | 'fuse-native';

/** In the order in which they are tried when none is asked for. */
const BACKENDS: readonly (MountKind | 'folder')[] = ['native', 'fuse-native', 'folder'];

/**
 * Returns the way to show drives that FERRY_MOUNT_BACKEND asks for; null: the best that there is.
 * @throws CONFIG_INVALID when it names none
 */
export function wantedBackend(environment: NodeJS.ProcessEnv): MountKind | 'folder' | null {
  const { FERRY_MOUNT_BACKEND: wanted = '' } = environment;
  if (wanted === '') return null;
  const found = BACKENDS.find((name) => name === wanted);
  if (found !== undefined) return found;
  throw new FerryError(
    'CONFIG_INVALID',
    `FERRY_MOUNT_BACKEND is ${BACKENDS.join(', ')} or not set; it cannot be ${JSON.stringify(wanted)}`,
  );
}
