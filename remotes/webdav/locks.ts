import type { SyncPath } from '../../core/model/path.ts';
import { changedError, protocolError } from './http-errors.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Session } from './session.ts';

const LOCK_BODY = [
  '<?xml version="1.0" encoding="utf-8"?>',
  '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>',
  '<d:locktype><d:write/></d:locktype><d:owner>ferry</d:owner></d:lockinfo>',
].join('');

/** A lock that is never released (a crash, a cut connection) goes away by itself after this. */
const LOCK_TIMEOUT_S = 120;

/** An exclusive write lock on one existing file. */
export interface HeldLock {
  /** The `If` header that names the file: of a MOVE onto it, too. */
  readonly named: string;
  /** The `If` header of a request on the file itself that leaves its name out. */
  readonly unnamed: string;
  release(): Promise<void>;
}

/**
 * Locks the file at `path`, which must exist: on an absent one a lock would make an empty file.
 * @throws REMOTE_LOCKED when someone else holds it, CHANGED when the file is gone
 */
export async function lock(
  session: Session,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<HeldLock> {
  const answer = await session.send(path, {
    method: 'LOCK',
    headers: {
      depth: '0',
      timeout: `Second-${LOCK_TIMEOUT_S}`,
      'content-type': 'application/xml; charset=utf-8',
    },
    body: LOCK_BODY,
    accept: [200, 201],
    signal,
  });
  const token = /^<[^<>\s]+>$/.exec(answer.header('lock-token')?.trim() ?? '')?.[0];
  await answer.discard();
  const url = session.addresses.urlOf(path).href;
  if (token === undefined)
    throw protocolError({ method: 'LOCK', url, path }, 'the server gave no lock token');
  const held = heldLock(session, path, url, token);
  if (answer.status === 201) {
    // The file went away in between, and the lock made an empty one.
    await session.status(path, {
      method: 'DELETE',
      headers: { if: held.unnamed },
      accept: [200, 204, 404, 412, 423],
    });
    await held.release();
    throw changedError(path, 'it is gone');
  }
  return held;
}

function heldLock(session: Session, path: SyncPath, url: string, token: string): HeldLock {
  return {
    named: `<${url}> (${token})`,
    unnamed: `(${token})`,
    async release() {
      try {
        // 400, 404, 409: the lock went away with the file it was on.
        await session.status(path, {
          method: 'UNLOCK',
          headers: { 'lock-token': token },
          accept: [200, 204, 400, 403, 404, 409, 412],
        });
      } catch (error) {
        session.logger.warn('a lock could not be released; it ends by itself', {
          path,
          timeoutS: LOCK_TIMEOUT_S,
          error: String(error),
        });
      }
    },
  };
}

/** Returns the `If` header of a request on the locked file itself, in the form that the server understands. */
export function shownLock(probe: Pick<ProbeResult, 'locks'>, held: HeldLock): string {
  return probe.locks === 'unnamed' ? held.unnamed : held.named;
}

/** Runs `work` while the file at `path` is locked. */
export async function withLock<T>(
  session: Session,
  path: SyncPath,
  signal: AbortSignal | undefined,
  work: (held: HeldLock) => Promise<T>,
): Promise<T> {
  const held = await lock(session, path, signal);
  try {
    return await work(held);
  } finally {
    await held.release();
  }
}
