import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';

/** The kinds of calls that a crash can fall before or after; the shim has the same names. */
export const CALL_CLASSES = [
  'create',
  'write',
  'truncate',
  'sync',
  'sync-fs',
  'rename',
  'link',
  'unlink',
  'make-directory',
  'remove-directory',
  'times',
  'mode',
  'store-name',
  'store-write',
  'store-sync',
  'store-rename',
  'send',
  'receive',
] as const;

export type CallClass = (typeof CALL_CLASSES)[number];

/** Right before or right after the `number`th call of a class, counted from 1. */
export interface Moment {
  readonly callClass: CallClass;
  readonly when: 'before' | 'after';
  readonly number: number;
}

/** What the killed client was told to do: the next run, or to begin again. */
export type ClientCommand = 'sync' | 'reset';

/** A run that is killed at the first moment, and the run that recovers from it at the second, if there is one. */
export interface KillPoint {
  readonly direction: Direction;
  readonly command: ClientCommand;
  readonly moments: readonly Moment[];
}

/** How often a run came by each class. */
export type CallCounts = ReadonlyMap<CallClass, number>;

/** Returns a moment as the shim takes it. */
export function formatMoment({ callClass, when, number }: Moment): string {
  return `${callClass}:${when}:${number}`;
}

/**
 * Returns a point as `--point` takes it: `two-way:rename:after:17`, with `+sync:before:3` at its end for a second kill;
 * of a reset, `two-way/reset:…`.
 */
export function formatPoint({ direction, command, moments }: KillPoint): string {
  const run = command === 'sync' ? direction : `${direction}/${command}`;
  return `${run}:${moments.map(formatMoment).join('+')}`;
}

/** Returns the point that `text` names. @throws Error when it names none */
export function parsePoint(text: string): KillPoint {
  const [, directionText, reset, rest = ''] = /^([\w-]+)(\/reset)?:(.*)$/.exec(text) ?? [];
  const direction = DIRECTIONS.find((one) => one === directionText);
  if (direction === undefined) throw new Error(`${text}: no direction at its beginning`);
  const command = reset === undefined ? 'sync' : 'reset';
  return { direction, command, moments: rest.split('+').map(parseMoment) };
}

/** Returns the moment that `text` names. @throws Error when it names none */
export function parseMoment(text: string): Moment {
  const [className, when, digits] = text.split(':');
  const callClass = CALL_CLASSES.find((one) => one === className);
  const number = Number(digits);
  if (callClass === undefined || (when !== 'before' && when !== 'after') || !(number >= 1))
    throw new Error(`${text}: expected CLASS:before:N or CLASS:after:N`);
  return { callClass, when, number };
}

/** Returns the calls in a trace of the shim. */
export function countCalls(trace: string): CallCounts {
  const counts = new Map<CallClass, number>();
  for (const line of trace.split('\n')) {
    const callClass = CALL_CLASSES.find((one) => one === line.slice(0, line.indexOf('\t')));
    if (callClass !== undefined) counts.set(callClass, (counts.get(callClass) ?? 0) + 1);
  }
  return counts;
}

/** Returns every moment of a run; what was received is known to nobody before it is there. */
export function everyMoment(counts: CallCounts): readonly Moment[] {
  return [...counts].flatMap(([callClass, count]) =>
    Array.from({ length: count }, (_, index) => index + 1).flatMap((number): Moment[] => {
      const after: Moment = { callClass, when: 'after', number };
      return callClass === 'receive' ? [after] : [{ callClass, when: 'before', number }, after];
    }),
  );
}

/** Returns numbers from 0 to 1 that are the same ones for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Returns `count` of the moments, each class in turn so that rare ones are not crowded out; all of them when there
 * are no more.
 */
export function sampleMoments(
  moments: readonly Moment[],
  count: number,
  random: () => number,
): readonly Moment[] {
  const byClass = new Map<string, Moment[]>();
  for (const moment of moments) {
    const key = moment.callClass;
    byClass.set(key, [...(byClass.get(key) ?? []), moment]);
  }
  const chosen: Moment[] = [];
  while (chosen.length < Math.min(count, moments.length))
    for (const left of byClass.values()) {
      const [one] = left.splice(Math.floor(random() * left.length), 1);
      if (one !== undefined && chosen.length < count) chosen.push(one);
    }
  return chosen;
}

/** Returns one of several. */
export function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

/**
 * Returns a moment that a recovery will probably come by: it has left to do what the killed run had not `done` of an
 * undisturbed one's calls, and every run looks at the other side and opens its records.
 */
export function momentOfRecovery(
  undisturbed: CallCounts,
  done: CallCounts,
  random: () => number,
): Moment {
  const left = new Map(
    [...undisturbed].map(([callClass, count]) => {
      const isOfEveryRun = callClass.startsWith('store') || callClass === 'receive';
      const rest = Math.max(0, count - (done.get(callClass) ?? 0));
      return [callClass, isOfEveryRun ? Math.max(rest, Math.ceil(count / 2)) : rest] as const;
    }),
  );
  const possible = everyMoment(left);
  return pick(possible.length > 0 ? possible : everyMoment(undisturbed), random);
}
