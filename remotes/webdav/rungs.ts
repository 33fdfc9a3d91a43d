import type { Version } from '../../core/model/entry.ts';
import type { Expectation } from '../../core/ports.ts';
import type { ProbeResult } from './probe-result.ts';
import { etagOf } from './resource.ts';

/** How a new file comes into being without ever replacing another one. */
export type CreateRung = 'put-if-none-match' | 'move-no-overwrite' | 'move-after-look';

/** How a file is replaced only while it is the expected version. */
export type ReplaceRung =
  | 'put-if-match'
  | 'put-if-list'
  | 'put-under-lock'
  | 'move-under-lock'
  | 'move-after-look';

/** How a file is removed only while it is the expected version. */
export type RemoveRung = 'if-match' | 'under-lock' | 'after-look';

/** The safest way that a server was proven to honour, for each kind of change. */
export interface Rungs {
  readonly create: CreateRung;
  readonly replace: ReplaceRung;
  readonly remove: RemoveRung;
  readonly move: 'if-match' | 'after-look';
}

/** A PUT of more than this takes long enough for another client to come in between. */
const LARGE_BYTES = 256 * 1024;

/**
 * Chooses the rungs for a file of that size. It is put in place directly only where a cut body leaves nothing and a
 * version names one state: otherwise it is uploaded under a temporary name, looked at there, and moved. So is a large
 * file: Apache compares before it receives the body, so that its `If-Match` says nothing about the time of the upload.
 */
export function rungsFor(
  honoured: ProbeResult,
  {
    sizeBytes = 0,
    expected,
  }: { readonly sizeBytes?: number; readonly expected?: Expectation | 'directory' } = {},
): Rungs {
  const probe = isNamedByEtag(expected) ? honoured : { ...honoured, ...WITHOUT_ETAGS };
  const isQuick = probe.companion || sizeBytes <= LARGE_BYTES;
  const isDirect = probe.atomicPut && probe.versions === 'exact' && isQuick;
  const aside = probe.overwriteFalse ? 'move-no-overwrite' : 'move-after-look';
  return {
    create: isDirect && probe.ifNoneMatch ? 'put-if-none-match' : aside,
    replace: replaceRung(probe, isDirect),
    remove: probe.ifMatch.remove ? 'if-match' : probe.locks !== 'no' ? 'under-lock' : 'after-look',
    move: probe.ifMatch.move ? 'if-match' : 'after-look',
  };
}

/** A server that gave ETags when it was probed may give none today: a proxy before it removes them. */
function isNamedByEtag(expected: Expectation | 'directory' | undefined): boolean {
  return expected === undefined || expected === 'absent' || etagOf(expected as Version) !== null;
}

const WITHOUT_ETAGS = { ifMatch: { put: false, remove: false, move: false }, ifLists: false };

function replaceRung(probe: ProbeResult, isDirect: boolean): ReplaceRung {
  if (isDirect && probe.ifMatch.put) return 'put-if-match';
  if (isDirect && probe.ifLists) return 'put-if-list';
  if (probe.locks !== 'no') return isDirect ? 'put-under-lock' : 'move-under-lock';
  return 'move-after-look';
}
