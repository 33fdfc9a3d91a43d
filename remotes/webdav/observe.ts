import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import {
  isAtOrBelow,
  isPrivateName,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type {
  KnownListings,
  Observation,
  ObservedPart,
  ObserveOptions,
} from '../../core/observation.ts';
import { sharedSignal } from '../../core/transfer/shared-signal.ts';
import type { Blame } from './blame.ts';
import { type Fingerprints, readFingerprints } from './fingerprints.ts';
import { StatusError } from './http-errors.ts';
import { isListable } from './listable.ts';
import { type Listed, list, listedTwice, lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { entryOf, type Resource } from './resource.ts';
import type { Session } from './session.ts';
import { unsettledMs } from './settling.ts';

const LISTINGS_AHEAD = 32;
/** Up to so many directories are listed one by one rather than with all others. */
const FEW_LISTINGS = 16;

/** In place of a fingerprint; it is that of no listing. */
const AS_LISTED = 'as listed';

export interface WalkOptions extends ObserveOptions {
  /** Listings that are asked for at a time. */
  readonly parallelism: number;
  readonly blame: Blame;
}

/** Yields the whole tree: in one listing where the server is proven to give it, else directory by directory. */
export function observeTree(
  session: Session,
  probe: ProbeResult,
  options: WalkOptions,
): AsyncIterable<readonly Observation[]> {
  const observer = new Observer(session, probe, options);
  if (options.part) return observer.walk(options.part.directories, options.part);
  if (probe.companion && options.listings) return observer.changed(options.listings);
  return probe.depthInfinity ? observer.stream() : observer.walk();
}

class Observer {
  readonly #session: Session;
  readonly #probe: ProbeResult;
  readonly #options: WalkOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(session: Session, probe: ProbeResult, options: WalkOptions) {
    this.#session = session;
    this.#probe = probe;
    this.#options = options;
    this.#signal = sharedSignal(options.signal, this.#stop.signal);
  }

  /** Looks only into directories whose listings are not known, where the server tells one listing from another. */
  async *changed(listings: KnownListings): AsyncGenerator<readonly Observation[], void, undefined> {
    const fingerprints = await readFingerprints(this.#session, this.#options);
    if (fingerprints === null) {
      yield* this.stream();
      return;
    }
    const unknown: SyncPath[] = [];
    for (const [directory, fingerprint] of fingerprints)
      if (fingerprint !== null && listings.known(directory) === fingerprint)
        listings.listed(directory, fingerprint);
      else unknown.push(directory);
    const isFew = unknown.length < FEW_LISTINGS || unknown.length * 8 < fingerprints.size;
    const isListed = { isKnown: (directory: SyncPath) => fingerprints.has(directory) };
    if (isFew) yield* this.walk(unknown, isListed);
    else yield* this.streamOf(unknown, fingerprints);
    for (const directory of unknown) {
      const fingerprint = fingerprints.get(directory) ?? null;
      // Where names are others on the server than in paths, they are learnt by looking, each time.
      if (fingerprint !== null && !this.#session.addresses.hasRawNamesIn(directory))
        listings.listed(directory, fingerprint);
    }
  }

  /** All in one listing, of which only what is in the directories asked for, or unheard of, is yielded. */
  async *streamOf(
    directories: readonly SyncPath[],
    fingerprints: Fingerprints,
  ): AsyncGenerator<readonly Observation[], void, undefined> {
    const wanted = new Set(directories);
    const isWanted = (path: SyncPath): boolean => {
      const parent = parentPath(path);
      return wanted.has(parent) || !fingerprints.has(parent);
    };
    for await (const batch of this.stream())
      yield batch.filter((one) => one.type === 'problem' || isWanted(one.entry.path));
    const failed = [...fingerprints].filter(([, fingerprint]) => fingerprint === null);
    yield failed.map(([path]) =>
      problem(
        path,
        new FerryError('REMOTE_PROTOCOL', `${path}: the server could not list it`, { path }),
      ),
    );
  }

  /**
   * Depth 1, several directories at a time; a directory's own entry is always yielded before it is entered. Directories
   * that are known are not entered from above.
   */
  async *walk(
    start: readonly SyncPath[] = [ROOT],
    { isKnown }: Pick<ObservedPart, 'isKnown'> = { isKnown: () => false },
  ): AsyncGenerator<readonly Observation[], void, undefined> {
    const waiting: SyncPath[] = [...start].reverse();
    const ready: (readonly Observation[])[] = [];
    const running = new Set<Promise<void>>();
    let failure: { error: unknown } | null = null;
    const enter = async (directory: SyncPath): Promise<void> => {
      try {
        const { observations, directories } = await this.#directory(directory);
        for (const found of directories) if (!isKnown(found)) waiting.push(found);
        if (observations.length > 0) ready.push(observations);
        this.#heardOf(directory);
      } catch (caught) {
        const error = await this.#options.blame.of(directory, caught).catch(toFerryError);
        if (directory === ROOT || isOfWholeRemote(error)) failure ??= { error };
        else ready.push([problem(directory, error)]);
      }
    };
    try {
      while (waiting.length > 0 || running.size > 0 || ready.length > 0) {
        throwIfAborted(this.#options.signal);
        if (failure !== null) throw toFerryError((failure as { error: unknown }).error);
        while (running.size < this.#options.parallelism && ready.length < LISTINGS_AHEAD) {
          const directory = waiting.pop();
          if (directory === undefined) break;
          const entering = enter(directory).finally(() => running.delete(entering));
          running.add(entering);
        }
        const batch = ready.shift();
        if (batch !== undefined) yield batch;
        else await Promise.race(running);
      }
      if (failure !== null) throw toFerryError((failure as { error: unknown }).error);
    } finally {
      this.#stop.abort();
    }
  }

  /** A part is listed without fingerprints. */
  #heardOf(directory: SyncPath): void {
    const { part, listings } = this.#options;
    const isShownAsIs = part !== undefined && !this.#session.addresses.hasRawNamesIn(directory);
    if (isShownAsIs) listings?.listed(directory, AS_LISTED);
  }

  /** Depth infinity: one listing; what comes before its own directory waits for it. */
  async *stream(): AsyncGenerator<readonly Observation[], void, undefined> {
    throwIfAborted(this.#options.signal);
    const entered = new Set<SyncPath>([ROOT]);
    const left: SyncPath[] = [];
    const early = new Map<SyncPath, Listed[]>();
    const place = (listed: Listed, into: Observation[]): void => {
      const path = pathIn(listed);
      if (path === ROOT || left.some((directory) => isAtOrBelow(path, directory))) return;
      const parent = parentPath(path);
      if (!entered.has(parent)) {
        early.set(parent, [...(early.get(parent) ?? []), listed]);
        return;
      }
      const observation = this.#observation(listed);
      if (observation === null || observation.type === 'problem') left.push(path);
      if (observation === null) return;
      into.push(observation);
      if (observation.type !== 'entry' || observation.entry.kind !== 'directory') return;
      entered.add(path);
      for (const child of early.get(path) ?? []) place(child, into);
      early.delete(path);
    };
    try {
      const listing = await list(this.#session, ROOT, { depth: 'infinity', signal: this.#signal });
      for await (const batch of listing.batches) {
        const observations: Observation[] = [];
        for (const listed of batch) place(listed, observations);
        await this.#sweep(batch);
        if (observations.length > 0) yield observations;
      }
    } finally {
      this.#stop.abort();
    }
    const orphans = [...early.keys()].filter((path) => !left.some((at) => isAtOrBelow(path, at)));
    if (orphans.length > 0)
      yield orphans.map((path) =>
        problem(
          path,
          new FerryError(
            'REMOTE_PROTOCOL',
            `${path}: the listing leaves it out, but not what it holds`,
            { path },
          ),
        ),
      );
  }

  async #directory(
    directory: SyncPath,
  ): Promise<{ observations: Observation[]; directories: SyncPath[] }> {
    throwIfAborted(this.#options.signal);
    let { children, waitMs } = await this.#children(directory);
    if (waitMs > 0) {
      await this.#session.clock.sleep(waitMs, this.#signal);
      ({ children, waitMs } = await this.#children(directory));
    }
    await this.#sweep(children);
    const observations: Observation[] = [];
    const directories: SyncPath[] = [];
    for (const listed of children) {
      const observation = this.#observation(listed);
      if (observation === null) continue;
      observations.push(observation);
      if (observation.type === 'entry' && observation.entry.kind === 'directory')
        directories.push(observation.entry.path);
    }
    return { observations, directories };
  }

  /** Returns what a directory holds, and how long to wait until all of it can be told from a later state. */
  async #children(directory: SyncPath): Promise<{ children: Listed[]; waitMs: number }> {
    const listing = await list(this.#session, directory, { depth: '1', signal: this.#signal });
    const byPath = new Map<SyncPath, Listed>();
    let waitMs = 0;
    for await (const batch of listing.batches) {
      for (const listed of batch) {
        const path = pathIn(listed);
        if (path === directory) {
          if ('error' in listed) throw listed.error;
          continue;
        }
        if (parentPath(path) !== directory) continue;
        const known = byPath.get(path);
        byPath.set(path, known === undefined ? listed : listedTwice(known, listed));
        if ('resource' in listed)
          waitMs = Math.max(waitMs, this.#waitFor(listed.resource, listing.serverTimeMs));
      }
    }
    return { children: [...byPath.values()], waitMs };
  }

  #waitFor(resource: Resource, serverTimeMs: number | null): number {
    return unsettledMs(resource, serverTimeMs, this.#probe, this.#session.clock);
  }

  /** Returns what is reported of a listed resource; null when it is hidden or ignored. */
  #observation(listed: Listed): Observation | null {
    const path = pathIn(listed);
    if (isPrivateName(nameOf(path))) return null;
    const isDirectory = 'resource' in listed && listed.resource.isCollection;
    if (this.#options.isIgnored?.(path, isDirectory) === true) {
      this.#options.onIgnored?.(path);
      return null;
    }
    if ('error' in listed) return problem(path, listed.error);
    return { type: 'entry', entry: entryOf(listed.resource) };
  }

  /** Removes uploads, and the probe's directory, that an interrupted run of the same owner left. */
  async #sweep(batch: readonly Listed[]): Promise<void> {
    for (const listed of batch) {
      if ('error' in listed) continue;
      const { path, isCollection } = listed.resource;
      if (!this.#session.isOwnTemporary(nameOf(path))) continue;
      try {
        await this.#session.status(path, {
          method: 'DELETE',
          isCollection,
          accept: [200, 204, 404],
          signal: this.#signal,
        });
      } catch (error) {
        throwIfAborted(this.#options.signal);
        this.#session.logger.warn('a leftover upload could not be removed', {
          path,
          error: String(error),
        });
      }
    }
  }
}

/** Looks at one path as `observe` does: a version that cannot be told from a later state is waited out. */
export async function statPath(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<Resource | null> {
  throwIfAborted(signal);
  if (!isListable(probe, path)) return null;
  const seen = await lookAt(session, path, signal);
  if (seen === null) return null;
  const waitMs = unsettledMs(seen.resource, seen.serverTimeMs, probe, session.clock);
  if (waitMs === 0) return seen.resource;
  await session.clock.sleep(waitMs, signal);
  return (await lookAt(session, path, signal))?.resource ?? null;
}

function pathIn(listed: Listed): SyncPath {
  return 'resource' in listed ? listed.resource.path : listed.path;
}

function problem(path: SyncPath, error: unknown): Observation {
  return { type: 'problem', path, error: toFerryError(error, path) };
}

/** A refused sign-in or a lost network is not about one directory: asking on would only lock the account. */
function isOfWholeRemote(error: unknown): boolean {
  if (!(error instanceof FerryError)) return true;
  if (error.code === 'ABORTED' || error.code === 'REMOTE_UNAUTHORIZED') return true;
  return error.code === 'REMOTE_UNREACHABLE' && !(error instanceof StatusError);
}
