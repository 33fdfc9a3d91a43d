import { type EntryKind, otherSide, type Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Plan, PlannedNode } from '../reconcile/plan.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import type { SideView } from './side-view.ts';

/** An emptied directory that held no more than this is never asked about. */
const FREE_DELETIONS = 20;
/** Fewer files that went back in time may be somebody who fetched old versions. */
const ROLLED_BACK_FROM = 2;
const AFFECTED_FROM = 5;

export interface DoubtfulSourceOptions {
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly records: Records;
  /** Nothing was done yet in this run. */
  readonly isFirstPass: boolean;
}

/**
 * Stops before what looks like an accident of a side is carried over, however few entries it is about: a remote
 * directory that is suddenly empty (its storage may not be mounted), and a side that went back in time (a backup).
 * @throws GUARD_STOPPED
 */
export function checkSources(options: DoubtfulSourceOptions): void {
  checkEmptied(options);
  for (const source of ['local', 'remote'] as const) checkRolledBack(source, options);
}

function removedFrom(plan: Plan, side: Side): readonly PlannedNode[] {
  const keys = new Set<number>();
  for (const { op, key } of plan.operations[side]) if (op === 'remove') keys.add(key);
  return keys.size === 0 ? [] : plan.nodes.filter(({ key }) => keys.has(key));
}

function checkEmptied({ plan, views, records, isFirstPass }: DoubtfulSourceOptions): void {
  const removed = removedFrom(plan, 'local').flatMap(({ baseId }) =>
    baseId === null ? [] : (records.get(baseId) ?? []),
  );
  if (removed.length <= FREE_DELETIONS) return;
  const gone = new Set(removed.map(({ id }) => id));
  const isThere = (record: PairRecord): boolean =>
    record.kind === 'directory' &&
    views.remote.entries.get(pathOf(record, records))?.kind === 'directory';
  const lost = new Map<number, { entries: number; children: number }>();
  for (const record of removed) {
    const top = topOfRemoved(record, gone, records);
    // Another directory of the same name may be there: the place that something was mounted at.
    const id = isThere(top) ? top.id : top.parentId;
    const counts = lost.get(id) ?? { entries: 0, children: 0 };
    counts.entries++;
    if (record.parentId === id) counts.children++;
    lost.set(id, counts);
  }
  for (const [id, { entries, children }] of lost) {
    const directory = records.get(id);
    if (!directory || entries <= FREE_DELETIONS || records.childrenOf(id).length > children)
      continue;
    const path = pathOf(directory, records);
    if (isUsed(path, plan, gone)) continue;
    stop(
      `the remote directory ${path} is empty, and ${entries} entries in it would be deleted here: is what is mounted there available?`,
      'If that is right, run it once more with --allow-deletes',
      isFirstPass,
    );
  }
}

function topOfRemoved(record: PairRecord, gone: ReadonlySet<number>, records: Records): PairRecord {
  let top = record;
  while (gone.has(top.parentId)) top = records.get(top.parentId) ?? top;
  return top;
}

function pathOf(record: PairRecord, records: Records): SyncPath {
  const names = [record.name];
  for (let above = records.get(record.parentId); above; above = records.get(above.parentId))
    names.unshift(above.name);
  return names.join('/') as SyncPath;
}

/** Tells whether the remote side has anything in the directory, or has given the directory up or away. */
function isUsed(path: SyncPath, plan: Plan, gone: ReadonlySet<number>): boolean {
  return plan.nodes.some(({ baseId, remote, local }) => {
    if (baseId !== null && gone.has(baseId)) return false;
    const isItself = local.from === path && remote.from !== path;
    return isItself || remote.from?.startsWith(`${path}/`) === true;
  });
}

/** What a side did to the files that both sides had: how many are older than recorded, and whether any is newer. */
function checkRolledBack(source: Side, options: DoubtfulSourceOptions): void {
  const { plan, views, records, isFirstPass } = options;
  const destination = otherSide(source);
  const isFile = ({ kind }: { readonly kind: EntryKind }): boolean => kind === 'file';
  const removed = removedFrom(plan, destination).filter(isFile);
  const given = plan.nodes.filter(
    (node) => isFile(node) && node.content === `to-${destination}` && node[source].from !== null,
  );
  if (given.length < ROLLED_BACK_FROM || given.length + removed.length < AFFECTED_FROM) return;
  const timeOf = ({ baseId }: PlannedNode): bigint | undefined =>
    baseId === null ? undefined : records.get(baseId)?.[source].mtimeNs;
  const timeNow = (node: PlannedNode): bigint | undefined => {
    const { from } = node[source];
    const entry = from === null ? undefined : views[source].entries.get(from);
    return entry?.kind === 'file' ? entry.mtimeNs : undefined;
  };
  const lost = [...removed, ...given].flatMap((node) => timeOf(node) ?? []);
  const newestLost = lost.reduce((newest, time) => (time > newest ? time : newest), 0n);
  let older = 0;
  for (const node of given) {
    const now = timeNow(node);
    const before = timeOf(node) ?? newestLost;
    if (now === undefined || now >= before) return;
    if (node.baseId !== null) older++;
  }
  if (older < ROLLED_BACK_FROM || older + removed.length < AFFECTED_FROM) return;
  const side = source === 'local' ? 'the local folder' : 'the remote';
  stop(
    `${side} is as it was earlier: ${older} files there are older than they were, ${removed.length} are gone, and none is newer. Was a backup restored?`,
    'To bring both sides together and lose nothing, reset the pair; to take over the earlier state, run it once more with --allow-deletes',
    isFirstPass,
  );
}

function stop(what: string, hint: string, isFirstPass: boolean): never {
  const untouched = isFirstPass ? 'Nothing was changed' : 'Nothing more was changed';
  throw new FerryError('GUARD_STOPPED', `${what} ${untouched}. ${hint}`);
}
