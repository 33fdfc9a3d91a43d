import type { Cursor } from '../feed.ts';
import type { Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { childPath, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { RootIdentity } from '../ports.ts';
import type { Records } from '../records/records.ts';
import type { FollowedFeed } from '../records/records-state.ts';
import type { PairView } from './observe-pair.ts';
import { saysChanges } from './survey-part.ts';

/** A side is looked at without its feed so often, in case that something went past it. */
const WHOLE_LOOK_MS = 24 * 60 * 60_000;
/** So many of the entries that are held are named. */
const MAX_NAMED = 20;
const SIDES = ['local', 'remote'] as const;

type Roots = Readonly<Record<Side, RootIdentity>>;

/** Returns the cursor after which a side is asked what has changed; null: everything has to be looked at. */
export function cursorOf(records: Records, side: Side, nowMs: number): Cursor | null {
  const followed = records.state.feeds?.[side];
  if (followed === undefined || records.size === 0) return null;
  const ageMs = nowMs - followed.wholeAtMs;
  return ageMs < 0 || ageMs >= WHOLE_LOOK_MS ? null : followed.cursor;
}

/**
 * Stages how far the feeds were followed. To be called when everything that the observation said is staged in the
 * records, or its directories are known no more, and committed together with that: what a cursor is past is not told again.
 */
export function noteFeeds(
  records: Records,
  roots: Roots,
  { held, nowMs }: { readonly held: ReadonlySet<Side>; readonly nowMs: number },
): void {
  const feeds: Partial<Record<Side, FollowedFeed>> = {};
  for (const side of SIDES) {
    const { feed } = roots[side];
    if (feed === undefined) continue;
    const before = records.state.feeds?.[side];
    feeds[side] = {
      cursor: feed.cursor,
      epoch: feed.epoch,
      wholeAtMs: saysChanges(feed) && before ? before.wholeAtMs : nowMs,
      ...(held.has(side) ? { doubtsDeletions: true } : {}),
    };
  }
  records.setState({ feeds });
}

/** Returns the sides of which it must not be believed that what is missing was deleted there. */
export function doubtedSides(records: Records, roots: Roots): readonly Side[] {
  return SIDES.filter((side) => {
    const { feed } = roots[side];
    const before = records.state.feeds?.[side];
    if (feed === undefined || before === undefined) return false;
    return before.doubtsDeletions === true || before.epoch !== feed.epoch;
  });
}

/**
 * Takes what is missing on a side out of the run: its feed began anew, as it does when a backup was restored, and what
 * came after the backup was not deleted. What was moved is not missing. Returns whether there was anything.
 */
export function holdDeletions(side: Side, view: PairView, records: Records): boolean {
  const { entries } = view.views[side];
  const identities = new Set([...entries.values()].map(({ identity }) => identity));
  const missing: SyncPath[] = [];
  for (const [directory, id] of view.directories) {
    if (directory !== ROOT && !entries.has(directory)) continue;
    for (const record of records.childrenOf(id)) {
      const path = childPath(directory, record.name);
      const { identity } = record[side];
      const isElsewhere = identity !== undefined && identities.has(identity);
      if (!entries.has(path) && !isElsewhere) missing.push(path);
    }
  }
  const isFrozen = frozenIn(view.views[side].tree.frozen);
  const held = missing.filter((path) => !isFrozen(path));
  for (const [index, path] of held.entries())
    view.views[side].freeze(path, index < MAX_NAMED ? doubt(side, path, held.length) : null);
  return held.length > 0;
}

function frozenIn(frozen: ReadonlySet<SyncPath>): (path: SyncPath) => boolean {
  return (path) => {
    for (let at = path; ; at = parentPath(at)) {
      if (frozen.has(at)) return true;
      if (at === ROOT) return false;
    }
  };
}

function doubt(side: Side, path: SyncPath, count: number): FerryError {
  const others = count > 1 ? ` (and ${count - 1} more)` : '';
  return new FerryError(
    'GUARD_STOPPED',
    `${path}${others}: missing on the ${side} side, which has begun to count its changes anew, as it does after a backup was restored; so it is not deleted on the other side. If it was deleted on purpose, run once with --allow-deletes; to bring it back, reset the pair`,
    { path },
  );
}
