import type { Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import { nameOf, type SyncPath } from '../../core/model/path.ts';
import type { Displacement, MutationOptions } from '../../core/ports.ts';
import { expectAt, once, sendIfMatch } from './conditions.ts';
import { changedError } from './http-errors.ts';
import { list, lookAt } from './listing.ts';
import { shownLock, withLock } from './locks.ts';
import type { ProbeResult } from './probe-result.ts';
import { rungsFor } from './rungs.ts';
import type { Session } from './session.ts';
import { displacementHeaders, noteKept } from './versions.ts';

const REMOVED = [200, 204];

/** Removes a file of a version, or an empty directory. */
export async function removePath(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  options: MutationOptions & {
    readonly expected: Version | 'directory';
    readonly displacement?: Displacement;
  },
): Promise<void> {
  const { displacement, expected, signal } = options;
  throwIfAborted(signal);
  await once(
    path,
    () =>
      expected === 'directory'
        ? removeCollection(session, probe, path, signal)
        : removeFile(session, probe, path, { displacement, expected, signal }),
    async () => ((await lookAt(session, path, signal)) === null ? { done: undefined } : 'not done'),
  );
}

interface FileRemoval {
  readonly displacement?: Displacement | undefined;
  readonly expected: Version;
  readonly signal: AbortSignal | undefined;
}

async function removeFile(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  { displacement, expected, signal }: FileRemoval,
): Promise<void> {
  const send = async (conditions: Readonly<Record<string, string>>): Promise<number> => {
    const headers = { ...conditions, ...displacementHeaders(displacement) };
    const accept = [...REMOVED, 404, 412];
    const answer = await session.send(path, { method: 'DELETE', headers, accept, signal });
    await answer.discard();
    noteKept(answer, displacement);
    return answer.status;
  };
  const status = await byRung(session, probe, path, { expected, signal }, send);
  if (status === 404) throw changedError(path, 'it is gone');
  if (status === 412) throw changedError(path, 'it is another version by now');
}

async function byRung(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  { expected, signal }: FileRemoval,
  send: (headers: Readonly<Record<string, string>>) => Promise<number>,
): Promise<number> {
  const { remove } = rungsFor(probe, { expected });
  if (remove === 'if-match')
    return sendIfMatch(
      session,
      probe,
      { path, expected },
      (etag) => send({ 'if-match': etag }),
      signal,
    );
  await expectAt(session, path, expected, signal);
  if (remove === 'after-look') return send({});
  return withLock(session, path, signal, async (held) => {
    await expectAt(session, path, expected, signal);
    return send({ if: shownLock(probe, held) });
  });
}

/**
 * A collection is deleted with all that is in it, so it must be seen to be empty first. The companion server checks
 * that itself; elsewhere what another client adds in between would go along.
 */
async function removeCollection(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  signal: AbortSignal | undefined,
): Promise<void> {
  await expectAt(session, path, 'directory', signal);
  await emptyOfOurs(session, path, signal);
  const status = await session.status(path, {
    method: 'DELETE',
    isCollection: true,
    headers: probe.companion ? { 'ferry-if-empty': 'T' } : {},
    accept: [...REMOVED, 404, 409],
    signal,
  });
  if (status === 404) throw changedError(path, 'it is gone');
  if (status === 409) throw notEmpty(path);
}

/** Removes leftover uploads of ours from a directory that holds nothing else. @throws NOT_EMPTY */
async function emptyOfOurs(
  session: Session,
  path: SyncPath,
  signal: AbortSignal | undefined,
): Promise<void> {
  const leftovers: SyncPath[] = [];
  const listing = await list(session, path, { depth: '1', signal });
  for await (const batch of listing.batches)
    for (const listed of batch) {
      const child = 'resource' in listed ? listed.resource.path : listed.path;
      if (child === path) continue;
      const isOurs = 'resource' in listed && !listed.resource.isCollection;
      if (!isOurs || !session.isOwnTemporary(nameOf(child))) throw notEmpty(path);
      leftovers.push(child);
    }
  if (listing.unnameable > 0) throw notEmpty(path);
  for (const leftover of leftovers)
    await session.status(leftover, { method: 'DELETE', accept: [...REMOVED, 404], signal });
}

function notEmpty(path: SyncPath): FerryError {
  return new FerryError('NOT_EMPTY', `${path}: the directory is not empty, so it is kept`, {
    path,
  });
}
