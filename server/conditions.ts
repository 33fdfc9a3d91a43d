import type { NodeStat } from '../native/safe-root.ts';
import { DavError } from './dav-error.ts';
import { etagOf, parseEtagList, parseHttpDate } from './etag.ts';
import type { IfCondition, IfList } from './if-header.ts';
import type { LockTable } from './lock-table.ts';
import { parseReference, type ResourcePath } from './request-path.ts';

/** The parts of a request that its conditions are made of. */
export interface ConditionHeaders {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
}

const SECOND_NS = 1_000_000_000n;

/** Tells whether the request depends on the exact state of what it changes. */
export function isStateBound(headers: ConditionHeaders, lists: readonly IfList[]): boolean {
  return (
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['if-unmodified-since'] !== undefined ||
    lists.some(({ conditions }) => conditions.some(({ kind }) => kind === 'etag'))
  );
}

/**
 * Decides the conditional headers in the order of RFC 9110 section 13.2.2 against what is at the path now.
 * Returns true when a read answers 304 instead.
 * @throws DavError 412 when a condition fails, 400 when it cannot be read
 */
export function checkConditions(
  headers: ConditionHeaders,
  stat: NodeStat | null,
  isRead: boolean,
): boolean {
  const etag = stat?.kind === 'file' ? etagOf(stat) : null;
  const seconds = stat === null ? null : Number(stat.mtimeNs / SECOND_NS);
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, stat, etag, false)) throw failed('If-Match');
  } else {
    const since = dateOf(headers['if-unmodified-since']);
    if (since !== null && seconds !== null && seconds > since) throw failed('If-Unmodified-Since');
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    if (!matches(ifNoneMatch, stat, etag, isRead)) return false;
    if (isRead) return true;
    throw failed('If-None-Match');
  }
  const since = isRead ? dateOf(headers['if-modified-since']) : null;
  return since !== null && seconds !== null && seconds <= since;
}

function matches(
  header: string,
  stat: NodeStat | null,
  etag: string | null,
  weakly: boolean,
): boolean {
  const tags = parseEtagList(header);
  if (tags === null) throw new DavError(400, 'a list of entity tags cannot be read');
  if (tags === '*') return stat !== null;
  // Strong comparison: a weak tag matches nothing, as it names no exact content.
  return tags.some((candidate) => (weakly ? candidate.replace(/^W\//, '') : candidate) === etag);
}

function dateOf(header: string | undefined): number | null {
  return header === undefined ? null : parseHttpDate(header);
}

function failed(header: string): DavError {
  return new DavError(412, `${header} does not hold: the resource is in another state`);
}

/** What the conditions of an `If` header are decided against. */
export interface IfScope {
  readonly path: ResourcePath;
  readonly host: string | undefined;
  readonly locks: LockTable;
  /** What is at a path now; null when nothing is. */
  look(path: ResourcePath): Promise<NodeStat | null>;
}

/**
 * Decides an `If` header: one list must hold for its resource.
 * @throws DavError 412 when none does
 */
export async function checkIfLists(lists: readonly IfList[], scope: IfScope): Promise<void> {
  if (lists.length === 0) return;
  for (const { resource, conditions } of lists) {
    const path = resource === null ? scope.path : taggedPath(resource, scope.host);
    if (await holdsAll(conditions, path, scope)) return;
  }
  throw new DavError(412, 'no list of the If header holds');
}

/** A resource that is not ours has no state here, so that only negated conditions hold on it. */
function taggedPath(resource: string, host: string | undefined): ResourcePath | null {
  try {
    return parseReference(resource, host).path;
  } catch (error) {
    if (error instanceof DavError) return null;
    throw error;
  }
}

async function holdsAll(
  conditions: readonly IfCondition[],
  path: ResourcePath | null,
  scope: IfScope,
): Promise<boolean> {
  const needsState = path !== null && conditions.some(({ kind }) => kind === 'etag');
  const stat = needsState ? await scope.look(path) : null;
  const etag = stat?.kind === 'file' ? etagOf(stat) : null;
  const tokens = path === null ? [] : scope.locks.covering(path).map(({ token }) => token);
  return conditions.every(({ kind, value, negated }) => {
    const holds = kind === 'etag' ? value === etag : tokens.includes(value);
    return holds !== negated;
  });
}
