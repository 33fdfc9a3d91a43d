import { FerryError } from '../../core/model/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { FUSE_NATIVE_KIND } from './fuse-native-kind.ts';
import type { KindName, TreeKind } from './shown-tree.ts';

/** In the order in which they are tried. */
const KINDS: readonly TreeKind[] = [FUSE_NATIVE_KIND];

/**
 * Returns the kind of tree that was asked for, else the best one that can be shown here. Where none can, it is the
 * portable one: its drive can be opened and synced, and says why when it is to be mounted.
 * @throws MOUNT_UNAVAILABLE when what was asked for is not in this build
 */
export async function chooseKind(wanted: KindName | undefined, logger: Logger): Promise<TreeKind> {
  if (wanted !== undefined) {
    const found = KINDS.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    throw new FerryError('MOUNT_UNAVAILABLE', `this build of ferry has no ${wanted} backend`);
  }
  for (const kind of KINDS) {
    const reason = await kind.reasonAgainst();
    if (reason === null) return kind;
    logger.info('a drive cannot be shown in this way', { backend: kind.name, reason });
  }
  return FUSE_NATIVE_KIND;
}
