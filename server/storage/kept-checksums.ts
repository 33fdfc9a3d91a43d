import type { NodeStat } from '../../native/safe-root.ts';
import { fileIdOf } from '../etag.ts';
import type { ResourcePath } from '../request-path.ts';
import type { Site } from '../site.ts';
import { OWNCLOUD } from '../xml/write.ts';

const KEY = `{${OWNCLOUD}}checksums`;

type WithProperties = Pick<Site, 'properties'>;

/** Returns the checksums that a client proved for exactly this content, `SHA1:… MD5:…`; null when there are none. */
export function keptChecksums(
  { properties }: WithProperties,
  path: ResourcePath,
  stat: NodeStat,
): string | null {
  const kept = properties.of(path).get(KEY);
  const state = `${stateOf(stat)} `;
  return kept?.startsWith(state) === true ? kept.slice(state.length) : null;
}

/** Keeps the checksums of the content in that state; an empty text removes those of an earlier one. */
export async function keepChecksums(
  { properties }: WithProperties,
  path: ResourcePath,
  { stat, checksums }: { readonly stat: NodeStat; readonly checksums: string },
): Promise<void> {
  const all = new Map(properties.of(path));
  if (checksums !== '') all.set(KEY, `${stateOf(stat)} ${checksums}`);
  else if (!all.delete(KEY)) return;
  await properties.set(path, all);
}

/** Keeps the checksums of one state for another one with the same content: of a copy, or of the file with another time. */
export async function carryChecksums(
  site: WithProperties,
  from: { readonly path: ResourcePath; readonly stat: NodeStat },
  to: { readonly path: ResourcePath; readonly stat: NodeStat | null },
): Promise<void> {
  const checksums = keptChecksums(site, from.path, from.stat);
  if (checksums !== null && to.stat !== null)
    await keepChecksums(site, to.path, { stat: to.stat, checksums });
}

/** Not the ETag: a rename or new permission bits change that, but not the content. */
function stateOf(stat: NodeStat): string {
  return `${fileIdOf(stat)}-${stat.sizeBytes.toString(36)}-${stat.mtimeNs.toString(36)}`;
}
