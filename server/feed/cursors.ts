import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FeedLog } from './feed-log.ts';

/** Who asks about which collection; the path is that in the served directory. */
export interface Asker {
  readonly principal: string;
  readonly path: string;
}

/** A point in the sequence of changes, and for an answer that was given in parts, where it goes on. */
export interface Point {
  readonly seq: number;
  /** Up to this path, what has changed since `seq` was told; the rest belongs to the state at `until`. */
  readonly partial?: { readonly after: string; readonly until: number };
}

/**
 * `foreign`: it was not made here, or for another user, collection or epoch. `expired`: nothing is known so far back.
 * `ahead`: it was made here, and the server has forgotten that: it, or the disk below it, was put back to an earlier state.
 */
export type Refusal = 'foreign' | 'expired' | 'ahead';

const CURSOR = /^([\w-]{4,16})\.([0-9a-z]{1,11})(?:\.([0-9a-z]{1,11})\.([\w-]*))?\.([\w-]{22})$/;

/** Returns the cursor of a point, for that asker only. */
export function cursorOf(log: FeedLog, asker: Asker, point: Point): string {
  return sealed(log, asker, log.run.id, point);
}

function sealed(log: FeedLog, asker: Asker, run: string, { seq, partial }: Point): string {
  const parts = [run, seq.toString(36)];
  if (partial !== undefined)
    parts.push(partial.until.toString(36), Buffer.from(partial.after).toString('base64url'));
  const text = parts.join('.');
  const mac = createHmac('sha256', log.key)
    .update(JSON.stringify([log.epoch, asker.principal, asker.path, text]))
    .digest()
    .subarray(0, 16);
  return `${text}.${mac.toString('base64url')}`;
}

/** Returns the point that a cursor stands for, or why it cannot be followed. */
export function pointOf(log: FeedLog, asker: Asker, cursor: string): Point | Refusal {
  const parts = CURSOR.exec(cursor);
  if (parts === null) return 'foreign';
  const [, id = '', seqText = '', untilText, afterText] = parts;
  const seq = Number.parseInt(seqText, 36);
  const point: Point =
    untilText === undefined || afterText === undefined
      ? { seq }
      : {
          seq,
          partial: {
            until: Number.parseInt(untilText, 36),
            after: Buffer.from(afterText, 'base64url').toString('utf8'),
          },
        };
  const genuine = Buffer.from(sealed(log, asker, id, point));
  const given = Buffer.from(cursor);
  if (genuine.length !== given.length || !timingSafeEqual(genuine, given)) return 'foreign';
  const latest = Math.max(seq, point.partial?.until ?? 0);
  const run = log.runs.find((one) => one.id === id);
  if (run !== undefined) return latest <= run.given ? point : 'ahead';
  return latest < (log.runs[0]?.first ?? 0) ? 'expired' : 'ahead';
}
