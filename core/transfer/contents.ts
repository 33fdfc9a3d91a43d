import type { KeptBeginning } from '../chunks.ts';
import { type ContentHash, type FileEntry, otherSide, type Side } from '../model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Problem } from '../model/problem.ts';
import type { Displacement, Replica, WriteItem } from '../ports.ts';
import type { Operation } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { Ledger } from './ledger.ts';
import { type DeltaFile, isWorthDelta, makeRecipe } from './make-recipe.ts';
import { forEachLimited } from './pool.ts';
import { type ContentSource, groupReader } from './read-groups.ts';
import { expectation } from './structural-context.ts';
import { tellCounterparts } from './tell-counterparts.ts';
import type { Throttle } from './throttle.ts';
import { VerifiedStream } from './verified-stream.ts';

const PARALLEL_STEPS = 8;

export interface ContentContext {
  /** The side that receives. */
  readonly side: Side;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly ledger: Ledger;
  readonly records: Records;
  readonly signal: AbortSignal;
  readonly throttle: Throttle | null;
  readonly onBytes: (side: Side, count: number) => void;
  /** Content bytes that `side` had already. */
  readonly onSpared: (side: Side, count: number) => void;
  readonly onDone: (operation: Operation, side: Side) => void;
  readonly onFailed: (operation: Operation, side: Side, error: FerryError) => void;
  readonly displacementOf: (side: Side, key: number) => { readonly displacement?: Displacement };
  readonly heldBack: (side: Side, key: number) => Problem | null;
}

interface Transfer {
  readonly operation: Operation & { op: 'write' };
  readonly source: ContentSource;
  /** Of the content that was read; unknown for a placeholder. */
  hash: (() => ContentHash | undefined) | null;
}

/**
 * Brings contents to one side: streams each file from the other, verified, and records every group of files that the
 * receiver has made durable. A failed file is noted in the ledger and never stops the others.
 * @throws FerryError only when going on is pointless
 */
export async function writeContents(
  operations: readonly Operation[],
  context: ContentContext,
): Promise<void> {
  const { ledger, side, replicas, records, signal } = context;
  const transfers = new Map<WriteItem, Transfer>();
  const contents = groupReader({
    replica: replicas[otherSide(side)],
    throttle: context.throttle,
    signal,
    sourceOf: (item) => (transfers.get(item) as Transfer).source,
    onRead: (item, hash, sizeBytes) => {
      (transfers.get(item) as Transfer).hash = () => hash;
      context.onBytes(side, sizeBytes);
    },
    onChanged: () => {
      ledger.sourceChanged = true;
    },
  });
  const given = items(operations, transfers, context);
  const options = { signal, ...(contents === undefined ? {} : { contents }) };
  for await (const results of replicas[side].writeMany(given, options)) {
    const finished: number[] = [];
    for (const result of results) {
      const transfer = transfers.get(result.item);
      transfers.delete(result.item);
      if (!transfer) continue;
      const { key, path } = transfer.operation;
      if ('error' in result) {
        ledger.fail(side, key, path, result.error);
        context.onFailed(transfer.operation, side, result.error);
        continue;
      }
      ledger.received(side, key, result.entry, transfer.hash?.() ?? result.item.hash);
      finished.push(key);
      context.onDone(transfer.operation, side);
    }
    ledger.stageFinished(finished);
    await tellCounterparts(replicas, ledger.takeEqual());
    await records.commit();
    if (ledger.fatal) throw ledger.fatal;
  }
}

function* items(
  operations: readonly Operation[],
  transfers: Map<WriteItem, Transfer>,
  context: ContentContext,
): Iterable<WriteItem> {
  const { ledger, side } = context;
  for (const operation of operations) {
    if (operation.op !== 'write') continue;
    if (ledger.fatal || context.signal.aborted) return;
    if (ledger.isBlocked(side, operation.key, operation.path)) {
      ledger.leaveOut(operation.key);
      continue;
    }
    const held = context.heldBack(side, operation.key);
    if (held !== null) {
      ledger.hold(side, operation.key, held);
      continue;
    }
    const source = sourceOf(operation, context);
    if (!source) continue;
    const transfer: Transfer = { operation, source, hash: null };
    const item = itemOf(transfer, context);
    transfers.set(item, transfer);
    yield item;
  }
}

/** Returns where the content is; null when nothing is there, which the ledger then knows. */
function sourceOf(
  { key, path }: Operation & { op: 'write' },
  { ledger, side }: ContentContext,
): ContentSource | null {
  const from = otherSide(side);
  const node = ledger.node(key)?.[from];
  const entry = ledger.entry(from, key);
  const sourcePath = node?.to ?? node?.from;
  if (entry?.kind === 'file' && sourcePath) return { path: sourcePath, entry };
  ledger.fail(side, key, path, new FerryError('INTERNAL', `${path}: no file to copy from`));
  return null;
}

function itemOf(transfer: Transfer, context: ContentContext): WriteItem {
  const { ledger, side } = context;
  const { key, path } = transfer.operation;
  const source = transfer.source.entry;
  const current = ledger.entry(side, key);
  return {
    path,
    expected: current === undefined ? 'absent' : current.version,
    sizeBytes: source.sizeBytes,
    sourceVersion: source.version,
    ...(current === undefined ? {} : context.displacementOf(side, key)),
    ...metadataOf(source),
    ...(source.hash === undefined ? {} : { hash: source.hash }),
    hashRead: () => transfer.hash?.(),
    open: (signal) => openVerified(transfer, context, { signal, kept: null }),
    openAfter: (kept, signal) => openVerified(transfer, context, { signal, kept }),
    ...recipeStep(transfer, context),
  };
}

/** Large files that are replaced come out of what the receiver has, where that spares anything. */
function recipeStep(
  transfer: Transfer,
  { ledger, side, replicas, records, throttle, onBytes, onSpared, ...context }: ContentContext,
): Pick<WriteItem, 'recipe'> {
  const { key, path } = transfer.operation;
  const from = otherSide(side);
  const current = ledger.entry(side, key);
  if (current?.kind !== 'file') return {};
  const file = (which: Side, at: SyncPath, seen: FileEntry): DeltaFile => ({
    replica: replicas[which],
    path: at,
    entry: seen,
    hash: seen.hash ?? ledger.seenHash(which, key),
  });
  const source = file(from, transfer.source.path, transfer.source.entry);
  const present = file(side, path, current);
  if (!isWorthDelta(source, present)) return {};
  return {
    recipe: async (signal = context.signal) => {
      const recipe = await makeRecipe(
        {
          source,
          present,
          record: ledger.recordBefore(key),
          shelf: records.chunks,
          throttle,
          onPart: (count, isNew) => (isNew ? onBytes : onSpared)(side, count),
        },
        signal,
      );
      if (recipe !== null) transfer.hash = () => recipe.hash;
      return recipe;
    },
  };
}

function metadataOf(entry: FileEntry): { mtimeNs?: bigint; mode?: number } {
  return {
    ...(entry.mtimeNs === undefined ? {} : { mtimeNs: entry.mtimeNs }),
    ...(entry.mode === undefined ? {} : { mode: entry.mode }),
  };
}

async function openVerified(
  transfer: Transfer,
  { side, ledger, replicas, onBytes, throttle, signal: runSignal }: ContentContext,
  { signal = runSignal, kept }: { signal: AbortSignal | undefined; kept: KeptBeginning | null },
): Promise<AsyncIterable<Uint8Array>> {
  const { path, entry: source } = transfer.source;
  const noting = (error: unknown): never => {
    if (error instanceof FerryError && error.code === 'CHANGED') ledger.sourceChanged = true;
    throw error;
  };
  const content = await replicas[otherSide(side)]
    .read(path, { expected: source.version, ...restAfter(kept, source), signal })
    .catch(noting);
  const stream = throttle ? throttle.limit(content.stream, signal) : content.stream;
  const noted = catching(stream, noting);
  const verified = new VerifiedStream(noted, {
    path,
    sizeBytes: source.sizeBytes,
    ...(source.hash === undefined ? {} : { hash: source.hash }),
    ...(kept === null ? {} : { kept: kept.read() }),
    onBytes: (count) => onBytes(side, count),
  });
  transfer.hash = () => verified.hash;
  return verified;
}

function restAfter(kept: KeptBeginning | null, { sizeBytes }: FileEntry) {
  if (kept === null) return {};
  return { range: { offset: kept.sizeBytes, length: sizeBytes - kept.sizeBytes } };
}

/** The same stream; its error goes through `onError`. */
async function* catching(
  stream: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    onError(error);
  }
}

/**
 * Makes links and sets times and modes on one side, after all contents.
 * @throws FerryError only when going on is pointless
 */
export async function finishEntries(
  operations: readonly Operation[],
  context: ContentContext,
): Promise<void> {
  const steps = operations.filter(
    (operation) => operation.op === 'make-link' || operation.op === 'set-metadata',
  );
  await forEachLimited(steps, PARALLEL_STEPS, async (operation) => {
    const { ledger, side, signal } = context;
    throwIfAborted(signal);
    if (operation.op !== 'make-link' && operation.op !== 'set-metadata') return;
    if (ledger.isBlocked(side, operation.key, operation.path)) {
      ledger.leaveOut(operation.key);
      return;
    }
    try {
      if (operation.op === 'make-link') await makeLink(operation, context);
      else await setMetadata(operation, context);
      context.onDone(operation, side);
    } catch (caught) {
      const error = toFerryError(caught, operation.path);
      ledger.fail(side, operation.key, operation.path, error);
      context.onFailed(operation, side, error);
      if (ledger.fatal) throw ledger.fatal;
    }
  });
}

async function makeLink(
  { key, path }: Operation & { op: 'make-link' },
  { ledger, side, replicas, signal, displacementOf }: ContentContext,
): Promise<void> {
  const source = ledger.entry(otherSide(side), key);
  if (source?.kind !== 'symlink')
    throw new FerryError('INTERNAL', `${path}: no link to copy from`, { path });
  const current = ledger.entry(side, key);
  if (current?.kind === 'symlink' && current.target === source.target) {
    ledger.done(side, key);
    return;
  }
  if (current)
    await replicas[side].remove(path, {
      expected: expectation(current, path),
      ...displacementOf(side, key),
      signal,
    });
  const entry = await replicas[side].makeLink(path, source.target, { signal });
  ledger.done(side, key, entry);
}

async function setMetadata(
  { key, path }: Operation & { op: 'set-metadata' },
  { ledger, side, replicas, signal }: ContentContext,
): Promise<void> {
  const source = ledger.entry(otherSide(side), key);
  const current = ledger.entry(side, key);
  const replica = replicas[side];
  const canKeep = replica.capabilities.mtimePrecisionNs !== null || replica.capabilities.modes;
  // What the side cannot keep is only recorded, so that it is not tried again in each run.
  if (!canKeep || source?.kind !== 'file' || current?.kind !== 'file') {
    ledger.done(side, key);
    return;
  }
  const entry = await replica.setMetadata(path, metadataOf(source), {
    expected: current.version,
    signal,
  });
  ledger.done(side, key, entry);
}
