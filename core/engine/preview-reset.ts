import type { Direction, Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';
import { compileIgnoreRules, IGNORE_FILE } from './ignore-rules.ts';
import type { ResetPreview } from './pair-engine.ts';
import { readWhole } from './read-whole.ts';
import { observeSide, type SideView } from './side-view.ts';

export interface PreviewResetOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly direction: Direction;
  readonly ignore: readonly string[];
  readonly signal: AbortSignal;
}

/** Says what a reset would move: the master's files (both sides' in a two-way pair), and which deleted ones would come back. */
export async function previewReset(options: PreviewResetOptions): Promise<ResetPreview> {
  const { replicas, records, direction, signal } = options;
  const own = await readWhole(replicas.local, IGNORE_FILE as SyncPath, signal);
  const isIgnored = compileIgnoreRules([
    ...(own?.toString('utf8').split(/\r?\n/) ?? []),
    ...options.ignore,
  ]);
  const recordsByPath = records.byPath();
  const observe = (side: Side, other: Side): Promise<SideView> =>
    observeSide({
      side,
      replica: replicas[side],
      recordsByPath,
      ownCapabilities: replicas[side].capabilities,
      otherCapabilities: replicas[other].capabilities,
      knownHash: () => undefined,
      ignoresAnnouncedHashes: false,
      isIgnored,
      signal,
      onSeen: () => undefined,
    });
  const local = await observe('local', 'remote');
  const remote = await observe('remote', 'local');
  let files = 0;
  let bytes = 0;
  let comesBack = 0;
  const count = (from: SideView, to: SideView, alsoIfBoth: boolean): void => {
    for (const [path, entry] of from.entries) {
      if (entry.kind !== 'file') continue;
      const isOnBoth = to.entries.has(path);
      if (isOnBoth && !alsoIfBoth) continue;
      files++;
      bytes += entry.sizeBytes;
      if (!isOnBoth && recordsByPath.has(path)) comesBack++;
    }
  };
  if (direction !== 'local-to-remote') count(remote, local, true);
  if (direction !== 'remote-to-local') count(local, remote, direction === 'local-to-remote');
  return { files, bytes, comesBack };
}
