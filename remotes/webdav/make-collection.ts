import type { Entry } from '../../core/model/entry.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { MutationOptions } from '../../core/ports.ts';
import { changedError, errorOfStatus } from './http-errors.ts';
import { expectListable } from './listable.ts';
import { lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { directoryEntryOf } from './resource.ts';
import type { Session } from './session.ts';
import { modeText } from './upload.ts';

const MADE = [200, 201];
/** Something is there already: 405 by RFC 4918, 301 from servers that answer for the collection itself. */
const THERE = [301, 405];

/** Makes a collection, or adopts the one that is there. */
export async function makeCollection(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  options: MutationOptions & { readonly mode?: number },
): Promise<Entry> {
  const { mode, signal } = options;
  throwIfAborted(signal);
  expectListable(probe, path);
  // A server that answers 201 either way would let a file be mistaken for a new directory.
  const before = probe.mkcolRefusesExisting ? null : await lookAt(session, path, signal);
  if (before === null) {
    const status = await session.status(path, {
      method: 'MKCOL',
      isCollection: true,
      headers: probe.modes && mode !== undefined ? { 'ferry-mode': modeText(mode) } : {},
      accept: [...MADE, ...THERE, 400, 403, 409],
      // Twice is as good as once: the second time it is there already.
      repeatable: true,
      signal,
    });
    if (status === 409) throw changedError(path, 'the directory that it belongs in is not there');
    if (!MADE.includes(status) && !THERE.includes(status))
      await refuse(session, path, status, signal);
  }
  const seen = before ?? (await lookAt(session, path, signal));
  if (seen === null) throw changedError(path, 'the new directory is gone');
  if (!seen.resource.isCollection) throw changedError(path, 'a file is there');
  return directoryEntryOf(seen.resource);
}

async function refuse(
  session: Session,
  path: SyncPath,
  status: number,
  signal: AbortSignal | undefined,
): Promise<never> {
  const seen = await lookAt(session, path, signal);
  if (seen !== null && !seen.resource.isCollection) throw changedError(path, 'a file is there');
  const url = session.addresses.urlOf(path, true).href;
  throw errorOfStatus(status, { method: 'MKCOL', url, path });
}

/** Makes the root and what is missing above it, below the nearest collection that exists. */
export async function makeRoot(session: Session, signal?: AbortSignal): Promise<void> {
  const { base } = session.addresses;
  const missing: URL[] = [];
  for (let url = base; ; url = new URL('..', url)) {
    const status = await make(session, url, signal);
    if (status !== 409) break;
    if (url.pathname === '/') throw errorOfStatus(409, { method: 'MKCOL', url: base.href });
    missing.unshift(url);
  }
  for (const url of missing) await make(session, url, signal);
}

async function make(session: Session, url: URL, signal: AbortSignal | undefined): Promise<number> {
  const answer = await session.http.send({
    method: 'MKCOL',
    url,
    accept: [...MADE, ...THERE, 409],
    path: ROOT,
    ...(signal === undefined ? {} : { signal }),
  });
  await answer.discard();
  return answer.status;
}
