import { randomUUID } from 'node:crypto';
import type { Clock } from '../core/ports.ts';
import { DavError } from './dav-error.ts';
import { hrefOf, isBelow, parentOf, type ResourcePath, ROOT_PATH } from './request-path.ts';
import { placeIn, seenFrom } from './storage/scoped-root.ts';
import { escapeXml } from './xml/write.ts';

/** One granted lock (RFC 4918 section 6). */
export interface Lock {
  /** `urn:uuid:…` */
  readonly token: string;
  readonly path: ResourcePath;
  readonly scope: 'exclusive' | 'shared';
  readonly depth: '0' | 'infinity';
  /** What the client said about its user: the `owner` element as XML; empty when it said nothing. */
  readonly ownerXml: string;
  /** Who signed in to take the lock; only they can use or see its token. */
  readonly principal: string;
  readonly timeoutS: number;
  readonly expiresAtMs: number;
}

/** A lock as it is asked for. */
export type LockRequest = Pick<
  Lock,
  'path' | 'scope' | 'depth' | 'ownerXml' | 'principal' | 'timeoutS'
>;

/** A longer wish is cut to this; clients refresh. */
export const MAX_LOCK_TIMEOUT_S = 3600;
const MAX_LOCKS_PER_PRINCIPAL = 10_000;
/** Shared locks on one resource: each of them is told of every resource below. */
const MAX_LOCKS_PER_RESOURCE = 100;

/** What all views of one server's locks have in common. */
interface SharedLocks {
  readonly byPath: Map<ResourcePath, Lock[]>;
  /** How many each principal holds, those included that have run out and were not looked at since. */
  readonly heldBy: Map<string, number>;
}

/**
 * Locks of one server, in memory: a restart ends them, as RFC 4918 section 6.6 allows. All methods are synchronous,
 * so a check followed by a change in the same turn of the event loop is atomic.
 */
export class LockTable {
  readonly #byPath: Map<ResourcePath, Lock[]>;
  readonly #heldBy: Map<string, number>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #prefix: ResourcePath;

  constructor(
    clock: Pick<Clock, 'now'>,
    prefix: ResourcePath = ROOT_PATH,
    shared: SharedLocks = { byPath: new Map(), heldBy: new Map() },
  ) {
    this.#clock = clock;
    this.#prefix = prefix;
    this.#byPath = shared.byPath;
    this.#heldBy = shared.heldBy;
  }

  /**
   * Returns the same locks as somebody sees them whose root is `prefix`: paths are relative to it, and a lock on a
   * collection above it shows as one on the root.
   */
  within(prefix: ResourcePath): LockTable {
    return new LockTable(this.#clock, prefix, { byPath: this.#byPath, heldBy: this.#heldBy });
  }

  /** How many are in force. */
  get size(): number {
    let size = 0;
    for (const place of this.#byPath.keys()) size += this.#at(place).length;
    return size;
  }

  /** @throws DavError 423 with the conflicting lock's root, 503 when the principal holds too many */
  grant(request: LockRequest): Lock {
    const { path, scope, depth } = request;
    const place = placeIn(this.#prefix, path);
    const rivals = [...this.#covering(place), ...(depth === 'infinity' ? this.#below(place) : [])];
    const rival = rivals.find((lock) => scope === 'exclusive' || lock.scope === 'exclusive');
    if (rival !== undefined)
      throw new DavError(423, `/${path} cannot be locked: another lock is in force`, {
        condition: 'no-conflicting-lock',
        paths: [seenFrom(this.#prefix, rival.path)],
      });
    this.#enforceLimits(place, request.principal);
    const expiresAtMs = this.#clock.now() + request.timeoutS * 1000;
    const token = `urn:uuid:${randomUUID()}`;
    return this.#seen(this.#put({ ...request, path: place, token, expiresAtMs }));
  }

  /** Returns the lock, running anew from now; null when none of `tokens` is a lock of this principal on `path`. */
  refresh(
    path: ResourcePath,
    tokens: ReadonlySet<string>,
    principal: string,
    timeoutS: number,
  ): Lock | null {
    const covering = this.#covering(placeIn(this.#prefix, path));
    const lock = covering.find((l) => tokens.has(l.token) && l.principal === principal);
    if (lock === undefined) return null;
    this.#drop(lock);
    const expiresAtMs = this.#clock.now() + timeoutS * 1000;
    return this.#seen(this.#put({ ...lock, timeoutS, expiresAtMs }));
  }

  /** @throws DavError 409 when no such lock covers `path`, 403 when another principal holds it */
  release(path: ResourcePath, token: string, principal: string): void {
    const covering = this.#covering(placeIn(this.#prefix, path));
    const lock = covering.find((candidate) => candidate.token === token);
    if (lock === undefined)
      throw new DavError(409, `/${path} is not locked with that token`, {
        condition: 'lock-token-matches-request-uri',
      });
    if (lock.principal !== principal)
      throw new DavError(403, `the lock on /${path} belongs to somebody else`);
    this.#drop(lock);
  }

  /** The locks in force on `path`: its own, and those of depth infinity on its ancestors. */
  covering(path: ResourcePath): readonly Lock[] {
    return this.#covering(placeIn(this.#prefix, path)).map((lock) => this.#seen(lock));
  }

  #covering(place: ResourcePath): readonly Lock[] {
    if (this.#byPath.size === 0) return [];
    const found = [...this.#at(place)];
    for (let at = place; at !== ''; ) {
      at = parentOf(at);
      found.push(...this.#at(at).filter(({ depth }) => depth === 'infinity'));
    }
    return found;
  }

  /**
   * Refuses a change to `path` that a lock forbids. `membership`: the name appears in or leaves its collection;
   * `tree`: everything below changes too.
   * @throws DavError 423 naming the roots of the locks whose tokens were not submitted
   */
  require(
    path: ResourcePath,
    submitted: { readonly tokens: ReadonlySet<string>; readonly principal: string },
    reach: { readonly membership?: boolean; readonly tree?: boolean } = {},
  ): void {
    if (this.#byPath.size === 0) return;
    const place = placeIn(this.#prefix, path);
    const groups = [this.#covering(place)];
    if (reach.membership === true && path !== '') groups.push(this.#covering(parentOf(place)));
    if (reach.tree === true) for (const lock of this.#below(place)) groups.push([lock]);
    const isHeld = (lock: Lock): boolean =>
      submitted.tokens.has(lock.token) && lock.principal === submitted.principal;
    // Of shared locks on one resource, holding one is enough.
    const missing = groups.filter((locks) => locks.length > 0 && !locks.some(isHeld)).flat();
    if (missing.length === 0) return;
    throw new DavError(423, `/${path} is locked; the lock's token was not submitted`, {
      condition: 'lock-token-submitted',
      paths: [...new Set(missing.map((lock) => seenFrom(this.#prefix, lock.path)))],
    });
  }

  /** Forgets the locks on `path` and below: the resource is gone or has moved away. */
  forget(path: ResourcePath): void {
    if (this.#byPath.size === 0) return;
    const place = placeIn(this.#prefix, path);
    for (const lock of [...this.#at(place), ...this.#below(place)]) this.#drop(lock);
  }

  #seen(lock: Lock): Lock {
    if (this.#prefix === '') return lock;
    const path = seenFrom(this.#prefix, lock.path);
    const isAbove = path === '' && lock.path !== this.#prefix;
    return { ...lock, path, ownerXml: isAbove ? '' : lock.ownerXml };
  }

  #at(path: ResourcePath): readonly Lock[] {
    const locks = this.#byPath.get(path);
    if (locks === undefined) return [];
    const now = this.#clock.now();
    for (const lock of locks.filter(({ expiresAtMs }) => expiresAtMs <= now)) this.#drop(lock);
    return this.#byPath.get(path) ?? [];
  }

  #below(path: ResourcePath): readonly Lock[] {
    const paths = [...this.#byPath.keys()].filter((candidate) => isBelow(candidate, path));
    return paths.flatMap((candidate) => this.#at(candidate));
  }

  #put(lock: Lock): Lock {
    const locks = this.#byPath.get(lock.path);
    if (locks === undefined) this.#byPath.set(lock.path, [lock]);
    else locks.push(lock);
    this.#heldBy.set(lock.principal, (this.#heldBy.get(lock.principal) ?? 0) + 1);
    return lock;
  }

  #drop(lock: Lock): void {
    const locks = this.#byPath.get(lock.path) ?? [];
    const rest = locks.filter(({ token }) => token !== lock.token);
    if (rest.length === locks.length) return;
    const held = (this.#heldBy.get(lock.principal) ?? 0) - 1;
    if (held > 0) this.#heldBy.set(lock.principal, held);
    else this.#heldBy.delete(lock.principal);
    if (rest.length === 0) this.#byPath.delete(lock.path);
    else this.#byPath.set(lock.path, rest);
  }

  #enforceLimits(place: ResourcePath, principal: string): void {
    const isFull = (): boolean => (this.#heldBy.get(principal) ?? 0) >= MAX_LOCKS_PER_PRINCIPAL;
    // To look at all of them, which forgets what has run out, is worth it only here.
    if (isFull()) for (const path of [...this.#byPath.keys()]) this.#at(path);
    if (isFull() || this.#at(place).length >= MAX_LOCKS_PER_RESOURCE)
      throw new DavError(503, 'too many locks are held; release some of them first', {
        headers: { 'retry-after': '60' },
      });
  }
}

/** Returns the `activelock` element; the token is shown to its owner only. */
export function activeLockXml(lock: Lock, viewer: string): string {
  const token =
    lock.principal === viewer ? `<D:locktoken><D:href>${lock.token}</D:href></D:locktoken>` : '';
  return (
    `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${lock.scope}/></D:lockscope>` +
    `<D:depth>${lock.depth}</D:depth>${lock.ownerXml}<D:timeout>Second-${lock.timeoutS}</D:timeout>${token}` +
    `<D:lockroot><D:href>${escapeXml(hrefOf(lock.path, false))}</D:href></D:lockroot></D:activelock>`
  );
}
