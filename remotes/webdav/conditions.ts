import type { Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { changedError, isLostConnection } from './http-errors.ts';
import { lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { etagOf, type Resource } from './resource.ts';
import type { Session } from './session.ts';

/** An ETag is weak for this long on Apache; `If-Match` refuses it until then. */
const WEAK_MS = 1_100;
const WEAK_TRIES = 3;

/** Returns what is at `path`; throws `CHANGED` unless it is the expected version, or a directory where that is said. */
export async function expectAt(
  session: Session,
  path: SyncPath,
  expected: Version | 'directory',
  signal?: AbortSignal,
): Promise<Resource> {
  const seen = await lookAt(session, path, signal);
  if (seen === null) throw changedError(path, 'it is gone');
  const { resource } = seen;
  if (expected === 'directory') {
    if (!resource.isCollection) throw changedError(path, 'it is a file by now');
  } else {
    if (resource.isCollection) throw changedError(path, 'it is a directory by now');
    if (resource.version !== expected) throw changedError(path, 'it is another version by now');
  }
  return resource;
}

/** Throws `CHANGED` when something is at `path`. */
export async function expectNothing(
  session: Session,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<void> {
  if ((await lookAt(session, path, signal)) !== null)
    throw changedError(path, 'something is there by now');
}

/**
 * Sends a request under `If-Match`. A refusal is believed only when the listing shows another version too: Apache
 * refuses the right ETag in the second after a write, and then the request is sent once more when that is over.
 * @throws CHANGED
 */
export async function sendIfMatch(
  session: Session,
  probe: ProbeResult,
  target: { readonly path: SyncPath; readonly expected: Version },
  send: (etag: string) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  const { path, expected } = target;
  const etag = etagOf(expected);
  if (etag === null) throw changedError(path, 'it is another version by now');
  for (let tries = 1; ; tries += 1) {
    const status = await send(etag);
    if (status !== 412) return status;
    await expectAt(session, path, expected, signal);
    if (probe.etags === 'strong' || tries >= WEAK_TRIES)
      throw changedError(path, 'the server refuses its own version of it');
    await session.clock.sleep(WEAK_MS, signal);
  }
}

/** What a look at the server says about a request whose answer was lost. */
export type Outcome<T> = { readonly done: T } | 'not done' | 'something else';

/**
 * Makes a change once, also when the answer is lost: the server is asked what became of it before it is tried again.
 * @throws CHANGED when what is there is neither the old nor the new state
 */
export async function once<T>(
  path: SyncPath,
  attempt: () => Promise<T>,
  look: () => Promise<Outcome<T>>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!isLostConnection(error)) throw error;
    const outcome = await look();
    if (outcome === 'not done') return attempt();
    if (outcome === 'something else')
      throw changedError(
        path,
        'the connection was cut while it was changed, and it looks different now',
      );
    return outcome.done;
  }
}
