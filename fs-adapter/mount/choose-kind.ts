import type { Logger } from '../../core/ports.ts';
import { FUSE_NATIVE_KIND } from './fuse-native-kind.ts';
import { NATIVE_KIND } from './native-kind.ts';
import type { KindName, TreeKind } from './shown-tree.ts';

/** In the order in which they are tried. */
const KINDS: readonly TreeKind[] = [NATIVE_KIND, FUSE_NATIVE_KIND];

/**
 * Returns the kind of tree that was asked for, else the best one that can be shown here. Where none can, it is the
 * portable one: its drive can be opened and synced, and says why when it is to be mounted.
 */
export async function chooseKind(wanted: KindName | undefined, logger: Logger): Promise<TreeKind> {
  const asked = KINDS.find(({ name }) => name === wanted);
  if (asked !== undefined) return asked;
  for (const kind of KINDS) {
    const reason = await kind.reasonAgainst();
    if (reason === null) return kind;
    logger.info('a drive cannot be shown in this way', { backend: kind.name, reason });
  }
  return FUSE_NATIVE_KIND;
}

/**
 * Says whether a drive can be mounted here, in the way that was asked for or in any, and if not, why and what would help.
 */
export async function isMountAvailable(
  wanted?: KindName,
): Promise<{ readonly available: true } | { readonly available: false; readonly reason: string }> {
  let reason = '';
  for (const kind of KINDS) {
    if (wanted !== undefined && kind.name !== wanted) continue;
    const found = await kind.reasonAgainst();
    if (found === null) return { available: true };
    reason = found;
  }
  return { available: false, reason };
}
