import type { Entry } from '../../core/model/entry.ts';
import { type FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { depthOf, type SyncPath } from '../../core/model/path.ts';
import type { MutationOptions, NewDirectory, Removal } from '../../core/ports.ts';
import type { BatchEntry, BatchResult } from '../../protocol/batch.ts';
import { type BatchPart, blameForAll, errorOfResult, sendBatch } from './batch-request.ts';
import type { Blame } from './blame.ts';
import { expectListable } from './listable.ts';
import { lookAt } from './listing.ts';
import { makeCollection } from './make-collection.ts';
import type { ProbeResult } from './probe-result.ts';
import { removePath } from './remove.ts';
import { DIRECTORY_VERSION, etagOf } from './resource.ts';
import type { Session } from './session.ts';
import type { Slots } from './slots.ts';
import { modeText } from './upload.ts';

export interface BatchChangerParts {
  readonly probe: ProbeResult;
  readonly blame: Blame;
  readonly slots: Slots;
}

/** What a result says of an item; `not told`: only the request for it alone can tell. */
type Told<Result> = { readonly done: Result } | { readonly error: FerryError } | 'not told';

/** How the items of a group are sent, and done one by one where a group did not do it. */
interface Kind<Item extends { readonly path: SyncPath }, Result> {
  /** Null: it cannot be part of a group. */
  readonly entryOf: (item: Item) => BatchEntry | null;
  readonly told: (item: Item, result: BatchResult) => Told<Result>;
  /** `mayBeDone`: it was sent in a group whose answer was lost. */
  readonly alone: (item: Item, mayBeDone: boolean) => Promise<Result>;
  /** Items of a lower rank are done before those of a higher one. */
  readonly rankOf: (item: Item) => number;
}

/** Makes directories and removes entries, many in one request. */
export class BatchChanger {
  readonly #session: Session;
  readonly #parts: BatchChangerParts;

  constructor(session: Session, parts: BatchChangerParts) {
    this.#session = session;
    this.#parts = parts;
  }

  makeDirectories(
    items: readonly NewDirectory[],
    { signal }: MutationOptions,
  ): Promise<readonly (Entry | FerryError)[]> {
    const { probe } = this.#parts;
    return this.#all<NewDirectory, Entry>(items, signal, {
      entryOf: ({ path, mode }) => {
        expectListable(probe, path);
        const bits = mode === undefined ? {} : { mode: modeText(mode) };
        return { op: 'mkcol', path: this.#plain(path), ...bits };
      },
      told: ({ path }, result) => {
        const { status, id, mode } = result;
        if (status !== 200 && status !== 201) return this.#refused(path, result);
        if (id === undefined || mode === undefined) return 'not told';
        const bits = Number.parseInt(mode, 8) & 0o777;
        const version = DIRECTORY_VERSION;
        return { done: { path, kind: 'directory', version, identity: id, mode: bits } };
      },
      alone: ({ path, mode }) =>
        makeCollection(this.#session, probe, path, {
          ...(mode === undefined ? {} : { mode }),
          ...(signal === undefined ? {} : { signal }),
        }),
      rankOf: ({ path }) => depthOf(path),
    });
  }

  removeMany(
    items: readonly Removal[],
    { signal }: MutationOptions,
  ): Promise<readonly (null | FerryError)[]> {
    const session = this.#session;
    return this.#all<Removal, null>(items, signal, {
      entryOf: ({ path, expected, displacement }) => {
        const condition = expected === 'directory' ? 'collection' : etagOf(expected);
        if (condition === null) return null;
        const onlyCopy = displacement?.isOnlyCopy ? { onlyCopy: true } : {};
        return { op: 'delete', path: this.#plain(path), if: condition, ...onlyCopy };
      },
      told: ({ path, expected, displacement }, result) => {
        // It may hold what an interrupted upload left, which goes along when it is removed alone.
        if (expected === 'directory' && result.status === 409) return 'not told';
        if (result.status !== 204) return this.#refused(path, result);
        if (result.kept !== undefined) displacement?.onKept?.(result.kept);
        return { done: null };
      },
      alone: async ({ path, ...options }, mayBeDone) => {
        if (mayBeDone && (await lookAt(session, path, signal)) === null) return null;
        const cancel = signal === undefined ? {} : { signal };
        await removePath(session, this.#parts.probe, path, { ...options, ...cancel });
        return null;
      },
      rankOf: ({ path }) => -depthOf(path),
    });
  }

  #plain(path: SyncPath): string {
    return this.#session.addresses.plainPathOf(path);
  }

  #refused(path: SyncPath, result: BatchResult): { readonly error: FerryError } {
    return { error: errorOfResult(this.#session, path, result) };
  }

  async #all<Item extends { readonly path: SyncPath }, Result>(
    items: readonly Item[],
    signal: AbortSignal | undefined,
    kind: Kind<Item, Result>,
  ): Promise<readonly (Result | FerryError)[]> {
    throwIfAborted(signal);
    const results = new Map<Item, Result | FerryError>();
    const mayBeDone = new Set<Item>();
    if (await this.#session.extensions.has('batch', signal))
      await this.#together(items, signal, kind, { results, mayBeDone });
    const left = items.filter((item) => !results.has(item));
    for (const rank of [...new Set(left.map(kind.rankOf))].sort((one, other) => one - other))
      await Promise.all(
        left
          .filter((item) => kind.rankOf(item) === rank)
          .map(async (item) => {
            results.set(item, await this.#alone(item, signal, kind, mayBeDone.has(item)));
          }),
      );
    return items.map((item) => results.get(item) as Result | FerryError);
  }

  async #together<Item extends { readonly path: SyncPath }, Result>(
    items: readonly Item[],
    signal: AbortSignal | undefined,
    kind: Kind<Item, Result>,
    found: { readonly results: Map<Item, Result | FerryError>; readonly mayBeDone: Set<Item> },
  ): Promise<void> {
    const { results, mayBeDone } = found;
    const parts = partsOf(items, kind, results);
    if (parts.length === 0) return;
    const outcome = await sendBatch(this.#session, parts, signal);
    if (outcome === null) {
      this.#session.extensions.refuse('batch');
      return;
    }
    for (const [index, { item }] of parts.entries()) {
      const result = outcome.results[index] ?? null;
      const told = result === null ? 'not told' : kind.told(item, result);
      if (result === null) mayBeDone.add(item);
      if (told !== 'not told') results.set(item, 'done' in told ? told.done : told.error);
    }
    const blamed = await blameForAll(this.#parts.blame, outcome.error, signal);
    if (blamed === null) return;
    for (const { item } of parts) if (!results.has(item)) results.set(item, blamed);
  }

  #alone<Item extends { readonly path: SyncPath }, Result>(
    item: Item,
    signal: AbortSignal | undefined,
    kind: Kind<Item, Result>,
    mayBeDone: boolean,
  ): Promise<Result | FerryError> {
    const { blame, slots } = this.#parts;
    return slots.run(async () => {
      try {
        return await blame.during(item.path, signal, () => kind.alone(item, mayBeDone));
      } catch (error) {
        throwIfAborted(signal);
        return toFerryError(error, item.path);
      }
    });
  }
}

/** Returns what is sent of the items; what cannot be on this server is failed. */
function partsOf<Item extends { readonly path: SyncPath }, Result>(
  items: readonly Item[],
  kind: Kind<Item, Result>,
  results: Map<Item, Result | FerryError>,
): readonly (BatchPart & { readonly item: Item })[] {
  const parts: (BatchPart & { readonly item: Item })[] = [];
  for (const item of items) {
    try {
      const entry = kind.entryOf(item);
      if (entry !== null) parts.push({ item, entry });
    } catch (error) {
      results.set(item, toFerryError(error, item.path));
    }
  }
  return parts;
}
