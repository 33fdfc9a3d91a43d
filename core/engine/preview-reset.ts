import type { Direction, Side } from '../model/entry.ts';
import { parentPath, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';
import { IgnoreFiles } from './ignore-files.ts';
import { observePair } from './observe-pair.ts';
import type { ResetPreview } from './pair-engine.ts';
import type { SideView } from './side-view.ts';

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
  const { isIgnored } = await IgnoreFiles.load(options);
  const { views, directories } = await observePair({
    replicas,
    records,
    isIgnored,
    knownHash: () => undefined,
    wholly: true,
    signal,
    onSeen: () => undefined,
  });
  const { local, remote } = views;
  const isRecorded = (path: SyncPath): boolean =>
    directories.has(parentPath(path)) && records.at(path) !== undefined;
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
      if (!isOnBoth && isRecorded(path)) comesBack++;
    }
  };
  if (direction !== 'local-to-remote') count(remote, local, true);
  if (direction !== 'remote-to-local') count(local, remote, direction === 'local-to-remote');
  return { files, bytes, comesBack };
}
