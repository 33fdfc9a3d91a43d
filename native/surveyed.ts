import { createHash } from 'node:crypto';
import type {
  DirectoryItem,
  DirectoryListing,
  NodeStat,
  SurveyOptions,
  SurveyRequest,
} from './safe-root.ts';

/** Returns what a survey says of a directory that was listed with all its items. */
export function surveyed(
  { path, known }: SurveyRequest,
  items: readonly DirectoryItem[],
  { hidden, onlyDirectories = false }: SurveyOptions = {},
): DirectoryListing {
  const hash = createHash('sha256');
  let hasPrivate = false;
  for (const { rawName, stat, errno } of items) {
    if (errno === 'ENOENT' || rawName === hidden?.folder) continue;
    if (hidden !== undefined && rawName.startsWith(hidden.prefix)) hasPrivate = true;
    else hash.update(`${rawName}/${stat === null ? errno : stateOf(stat)}\n`);
  }
  const fingerprint = hash.digest('base64url');
  const isKnown = !hasPrivate && fingerprint === known;
  return {
    path,
    fingerprint,
    isKnown,
    items:
      isKnown || onlyDirectories ? items.filter(({ stat }) => stat?.kind === 'directory') : items,
  };
}

function stateOf(stat: NodeStat): string {
  const { kind, dev, ino, birthtimeNs, sizeBytes, mtimeNs, ctimeNs, mode, links } = stat;
  if (kind === 'directory') return `${kind} ${dev} ${ino} ${birthtimeNs}`;
  return `${kind} ${dev} ${ino} ${birthtimeNs} ${sizeBytes} ${mtimeNs} ${ctimeNs} ${mode} ${links}`;
}
