/** How long what was replaced or removed is kept, and in how much room. What is absent has its default. */
export interface KeepVersions {
  /** 30 */
  readonly days?: number;
  /** Absent: `fraction` of the room, by default at most 10 GiB. */
  readonly bytes?: number;
  /** Part (0..1) of the room that there would be without the versions; 0.1. */
  readonly fraction?: number;
}

/** What decides about one kept version. */
export interface Keepable {
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly keptAtMs: number;
  readonly sizeBytes: number;
  readonly isOnlyCopy: boolean;
}

const DEFAULT_DAYS = 30;
const DEFAULT_FRACTION = 0.1;
const DEFAULT_BYTES = 10 * 1024 ** 3;
const DAY_MS = 86_400_000;

/** Returns the time before which versions are too old, in ms since 1970. */
export function keptSince({ days }: KeepVersions, nowMs: number): number {
  return nowMs - (days ?? DEFAULT_DAYS) * DAY_MS;
}

/** Returns how many bytes may be kept where so many are kept and free now. */
export function roomFor(
  { bytes, fraction }: KeepVersions,
  now: { readonly keptBytes: number; readonly freeBytes: number },
): number {
  if (bytes !== undefined) return bytes;
  const part = (fraction ?? DEFAULT_FRACTION) * (now.freeBytes + now.keptBytes);
  return fraction === undefined ? Math.min(part, DEFAULT_BYTES) : part;
}

/** Returns how many bytes versions have. */
export function bytesOf(versions: Iterable<Keepable>): number {
  let bytes = 0;
  for (const { sizeBytes } of versions) bytes += sizeBytes;
  return bytes;
}

/**
 * Returns the versions that go: those past their time; then, while the rest takes more than `roomBytes`, the oldest of
 * those that a later version of the same path is kept of; then the oldest. Only copies stay and take no room from the
 * others, unless they are `released`. `versions` begin with the latest.
 */
export function versionsDue<T extends Keepable>(
  versions: readonly T[],
  limits: {
    readonly sinceMs: number;
    readonly roomBytes: number;
    readonly released: ReadonlySet<T>;
  },
): readonly T[] {
  const { released, roomBytes, sinceMs } = limits;
  const mayGo = (version: T): boolean => !version.isOnlyCopy || released.has(version);
  const due = new Set(versions.filter((one) => one.keptAtMs < sinceMs && mayGo(one)));
  let excess = bytesOf(versions.filter(mayGo)) - bytesOf(due) - roomBytes;
  for (const version of byWorth(versions)) {
    if (excess <= 0) break;
    if (version.isOnlyCopy || due.has(version)) continue;
    due.add(version);
    excess -= version.sizeBytes;
  }
  return [...due];
}

/** Returns the versions in the order in which they go: oldest first, the newest of each path after all others. */
function byWorth<T extends Keepable>(versions: readonly T[]): readonly T[] {
  const known = new Set<string>();
  const newest: T[] = [];
  const others: T[] = [];
  for (const version of versions) {
    (known.has(version.path) ? others : newest).push(version);
    known.add(version.path);
  }
  return [...others.reverse(), ...newest.reverse()];
}
