import type { Side } from '../model/entry.ts';
import { childPath, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { Plan } from '../reconcile/plan.ts';
import { baseToken, type PairRecord, recordedSide } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { type EqualFile, tellCounterparts } from '../transfer/tell-counterparts.ts';
import type { SideView } from './side-view.ts';

export interface RefreshOptions {
  readonly records: Records;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  /** Ids of the recorded directories that were looked into. */
  readonly directories: ReadonlyMap<SyncPath, number>;
}

/** Brings records up to date whose version changed on a side although the content did not, so that it is not looked at again. */
export async function refreshUnchanged({
  records,
  replicas,
  plan,
  views,
  directories,
}: RefreshOptions): Promise<void> {
  const planned = new Set<number | null>(plan.nodes.map((node) => node.baseId));
  // What was observed at these paths is not what is recorded there by now.
  const filled = new Set(plan.nodes.flatMap(({ local, remote }) => [local.to, remote.to]));
  const equal: EqualFile[] = [];
  const refresh = (path: SyncPath, record: PairRecord): void => {
    if (record.kind !== 'file' || planned.has(record.id) || filled.has(path)) return;
    const isRefreshed = { local: false, remote: false };
    for (const side of ['local', 'remote'] as const) {
      const entry = views[side].entries.get(path);
      isRefreshed[side] =
        entry?.kind === 'file' &&
        entry.version !== record[side].version &&
        views[side].tokenAt(path) === baseToken(record);
    }
    const local = views.local.entries.get(path);
    const remote = views.remote.entries.get(path);
    if (!isRefreshed.local && !isRefreshed.remote) return;
    records.put({
      ...record,
      ...(isRefreshed.local && local ? { local: recordedSide(local) } : {}),
      ...(isRefreshed.remote && remote ? { remote: recordedSide(remote) } : {}),
    });
    const isEqual = views.local.tokenAt(path) === views.remote.tokenAt(path);
    if (local && remote && isEqual)
      equal.push({ path: { local: path, remote: path }, entry: { local, remote } });
  };
  for (const [directory, id] of directories)
    for (const record of records.childrenOf(id)) refresh(childPath(directory, record.name), record);
  await tellCounterparts(replicas, equal);
}
