import type { Entry, Version } from '../../core/model/entry.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { MutationOptions } from '../../core/ports.ts';
import { expectAt, expectNothing, once, sendIfMatch } from './conditions.ts';
import { changedError } from './http-errors.ts';
import { expectListable } from './listable.ts';
import { lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { entryOf, type Resource } from './resource.ts';
import { rungsFor } from './rungs.ts';
import type { Session } from './session.ts';

interface Ends {
  readonly from: SyncPath;
  readonly to: SyncPath;
}

/** Renames what is at `from` to the absent path `to`. */
export async function movePath(
  session: Session,
  probe: ProbeResult,
  ends: Ends,
  options: MutationOptions & { readonly expected: Version | 'directory' },
): Promise<Entry> {
  const { expected, signal } = options;
  throwIfAborted(signal);
  expectListable(probe, ends.to);
  const resource = await once(
    ends.from,
    () => moved(session, probe, ends, expected, signal),
    async () => {
      const source = await lookAt(session, ends.from, signal);
      if (source !== null) return 'not done';
      const target = await lookAt(session, ends.to, signal);
      return target === null ? 'something else' : { done: target.resource };
    },
  );
  return entryOf(resource);
}

async function moved(
  session: Session,
  probe: ProbeResult,
  { from, to }: Ends,
  expected: Version | 'directory',
  signal: AbortSignal | undefined,
): Promise<Resource> {
  const isCollection = expected === 'directory';
  const rungs = rungsFor(probe, { expected });
  const isConditional = expected !== 'directory' && rungs.move === 'if-match';
  if (!isConditional) await expectAt(session, from, expected, signal);
  if (!probe.overwriteFalse || isCollection) await expectNothing(session, to, signal);
  const send = (headers: Readonly<Record<string, string>>): Promise<number> =>
    session.status(from, {
      method: 'MOVE',
      isCollection,
      headers: {
        destination: session.addresses.urlOf(to, isCollection).href,
        overwrite: 'F',
        ...(isCollection ? { depth: 'infinity' } : {}),
        ...headers,
      },
      accept: [200, 201, 204, 404, 409, 412],
      signal,
    });
  const status = isConditional
    ? await sendIfMatch(
        session,
        probe,
        { path: from, expected },
        async (etag) => {
          const answered = await send({ 'if-match': etag });
          if (answered === 412) await expectNothing(session, to, signal);
          return answered;
        },
        signal,
      )
    : await send({});
  if (status === 404) throw changedError(from, 'it is gone');
  if (status === 409) throw changedError(to, 'the directory that it belongs in is not there');
  if (status === 412) throw changedError(to, 'something is there by now');
  const seen = await lookAt(session, to, signal);
  if (seen === null) throw changedError(to, 'it is gone after it was moved');
  // Where the server could not be asked to compare, this notices what came in between: it is planned again.
  if (!isConditional && !isCollection && seen.resource.version !== expected)
    throw changedError(to, 'another version was moved than was expected');
  return seen.resource;
}
