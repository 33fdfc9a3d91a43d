import type { FileEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { WriteItem, WriteOptions, WriteResult } from '../../core/ports.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import type { BatchResult, PutEntry } from '../../protocol/batch.ts';
import { contentOfSize } from '../staged-content.ts';
import type { BatchReader } from './batch-read.ts';
import { blameForAll, errorOfResult, sendBatch } from './batch-request.ts';
import type { Blame } from './blame.ts';
import { changedError } from './http-errors.ts';
import { expectListable } from './listable.ts';
import { lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { etagOf, fileEntryOf, opaqueTag } from './resource.ts';
import type { Session } from './session.ts';
import { Slots } from './slots.ts';
import { modeText } from './upload.ts';
import type { FileWriter } from './write.ts';

const SENT_AT_ONCE = 3;
const READ_AT_ONCE = 1;
/** While some are sent, the contents of the next are read; so many are in memory. */
export const BATCHES_AT_ONCE = SENT_AT_ONCE + READ_AT_ONCE;
const OPENED_AT_ONCE = 16;
const LOOKS_AT_ONCE = 16;

/** One file with its content at hand. */
interface Held {
  readonly item: WriteItem;
  readonly content: Uint8Array;
}

export interface BatchWriterParts {
  readonly probe: ProbeResult;
  readonly blame: Blame;
  /** Writes what no batch could write. */
  readonly single: FileWriter;
  readonly reader: BatchReader;
}

/** Writes small files, many in one request. */
export class BatchWriter {
  readonly #session: Session;
  readonly #parts: BatchWriterParts;
  readonly #reading = new Slots(READ_AT_ONCE);
  readonly #sending = new Slots(SENT_AT_ONCE);

  constructor(session: Session, parts: BatchWriterParts) {
    this.#session = session;
    this.#parts = parts;
  }

  /** Writes a group of files within the limits of one; rejects only when it is cancelled. */
  async write(
    items: readonly WriteItem[],
    { contents, signal }: WriteOptions,
  ): Promise<readonly WriteResult[]> {
    throwIfAborted(signal);
    const results: WriteResult[] = [];
    const read = await this.#reading.run(() => this.#contentsOf(items, contents, signal));
    const held: Held[] = [];
    for (const [index, item] of items.entries()) {
      const content = read[index] ?? changedError(item.path, 'it was not read');
      const error = content instanceof FerryError ? content : this.#refusalOf(item, content);
      if (error !== null) results.push({ item, error });
      else held.push({ item, content: content as Uint8Array });
    }
    for (const result of await this.#sending.run(() => this.#send(held, signal)))
      results.push(result);
    return results;
  }

  #refusalOf(item: WriteItem, content: Uint8Array): FerryError | null {
    try {
      expectListable(this.#parts.probe, item.path);
      if (content.length === item.sizeBytes) return null;
      return changedError(item.path, 'its content is not as long as was announced');
    } catch (error) {
      return toFerryError(error, item.path);
    }
  }

  async #contentsOf(
    items: readonly WriteItem[],
    contents: WriteOptions['contents'],
    signal: AbortSignal | undefined,
  ): Promise<readonly (Uint8Array | FerryError)[]> {
    if (contents !== undefined) return contents(items, signal);
    const slots = new Slots(OPENED_AT_ONCE);
    return Promise.all(items.map((item) => slots.run(() => collected(item, signal))));
  }

  /** Sends what is held; what is not known of then is looked at and, where it is as before, sent once more. */
  async #send(
    held: readonly Held[],
    signal: AbortSignal | undefined,
  ): Promise<readonly WriteResult[]> {
    const results: WriteResult[] = [];
    let left = held;
    for (let tries = 1; left.length > 0 && tries <= 2; tries += 1) {
      const found = await this.#attempt(left, signal);
      if (found === null) break;
      results.push(...found.results);
      const looked = await this.#lookAtAll(found.unknown, signal);
      results.push(...looked.results);
      left = looked.notDone;
      if (tries === 2 && left.length > 0) this.#session.extensions.refuse('batch');
    }
    const singly = left.map(async ({ item, content }) => {
      const result = await this.#parts.single.write(
        { ...item, open: async () => only(content) },
        signal,
      );
      return { ...result, item };
    });
    results.push(...(await Promise.all(singly)));
    return results;
  }

  /** Null: the files are to be written one by one. */
  async #attempt(
    held: readonly Held[],
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly results: readonly WriteResult[];
    readonly unknown: readonly Held[];
  } | null> {
    const { extensions } = this.#session;
    if (!(await extensions.has('batch', signal))) return null;
    const parts = held.map((one) => ({ entry: this.#entryOf(one), content: one.content }));
    const outcome = await sendBatch(this.#session, parts, signal);
    if (outcome === null) {
      extensions.refuse('batch');
      return null;
    }
    const blamed = await blameForAll(this.#parts.blame, outcome.error, signal);
    const results: WriteResult[] = [];
    const unknown: Held[] = [];
    for (const [index, one] of held.entries()) {
      const result = outcome.results[index] ?? null;
      const told = result === null ? null : this.#told(one.item, result);
      if (told !== null) results.push(told);
      else if (blamed !== null) results.push({ item: one.item, error: blamed });
      else unknown.push(one);
    }
    return { results, unknown };
  }

  #entryOf({ item, content }: Held): PutEntry {
    const { path, expected, mtimeNs, mode, displacement } = item;
    return {
      op: 'put',
      path: this.#session.addresses.plainPathOf(path),
      if: expected === 'absent' ? 'absent' : (etagOf(expected) ?? '""'),
      bytes: content.length,
      hash: hashIn({ item, content }),
      ...(mtimeNs === undefined ? {} : { mtime: `${mtimeNs}` }),
      ...(mode === undefined ? {} : { mode: modeText(mode) }),
      ...(displacement?.isOnlyCopy ? { onlyCopy: true } : {}),
    };
  }

  /** Returns what a result says of an item; null when it does not fit to what was sent, so that it may be another's. */
  #told(item: WriteItem, result: BatchResult): WriteResult | null {
    const { path, displacement } = item;
    if (result.status !== 201 && result.status !== 204)
      return { item, error: errorOfResult(this.#session, path, result) };
    const entry = this.#entryIn(item, result);
    if (entry === null) return null;
    if (result.kept !== undefined) displacement?.onKept?.(result.kept);
    return { item, entry };
  }

  #entryIn(item: WriteItem, { etag, id, mtime, mode }: BatchResult): FileEntry | null {
    const { path, sizeBytes } = item;
    const opaque = etag === undefined ? null : opaqueTag(etag);
    if (opaque === null || id === undefined || mtime === undefined || mode === undefined)
      return null;
    const [mtimeNs, bits] = [BigInt(mtime), Number.parseInt(mode, 8) & 0o777];
    const isOfAnother =
      (item.mtimeNs !== undefined && mtimeNs !== this.#keptTime(item.mtimeNs)) ||
      (item.mode !== undefined && bits !== (item.mode & 0o777));
    if (isOfAnother) return null;
    const version = `e:${opaque}` as Version;
    return { path, kind: 'file', version, identity: id, sizeBytes, mtimeNs, mode: bits };
  }

  #keptTime(mtimeNs: bigint): bigint {
    if (this.#parts.probe.setsMtime === 'nanoseconds') return mtimeNs;
    return mtimeNs - (((mtimeNs % 1000n) + 1000n) % 1000n);
  }

  /** Finds out what became of files whose result was lost: a hash shows whether the content is there. */
  async #lookAtAll(
    unknown: readonly Held[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly results: readonly WriteResult[]; readonly notDone: readonly Held[] }> {
    const results: WriteResult[] = [];
    const notDone: Held[] = [];
    const written: { readonly one: Held; readonly entry: FileEntry }[] = [];
    const slots = new Slots(LOOKS_AT_ONCE);
    const look = async (one: Held): Promise<void> => {
      const { item } = one;
      try {
        const seen = await this.#parts.blame.during(item.path, signal, () =>
          lookAt(this.#session, item.path, signal),
        );
        const found =
          seen === null || seen.resource.isCollection ? null : fileEntryOf(seen.resource);
        const isAsBefore =
          seen === null ? item.expected === 'absent' : found?.version === item.expected;
        if (isAsBefore) notDone.push(one);
        else if (found?.sizeBytes === item.sizeBytes) written.push({ one, entry: found });
        else results.push({ item, error: lost(item) });
      } catch (error) {
        throwIfAborted(signal);
        results.push({ item, error: toFerryError(error, item.path) });
      }
    };
    await Promise.all(unknown.map((one) => slots.run(() => look(one))));
    const hashes = await this.#parts.reader.hashMany(
      written.map(({ entry: { path, version, sizeBytes } }) => ({
        path,
        expected: version,
        sizeBytes,
      })),
      signal === undefined ? {} : { signal },
    );
    for (const [index, { one, entry }] of written.entries()) {
      const { item } = one;
      const isOurs = hashes[index] === hashIn(one);
      results.push(isOurs ? { item, entry } : { item, error: lost(item) });
    }
    return { results, notDone };
  }
}

/** Whoever read it has verified it. */
function hashIn({ item, content }: Held): string {
  return item.hash ?? item.hashRead?.() ?? hashOf(content);
}

function lost({ path }: WriteItem): FerryError {
  return changedError(
    path,
    'the connection was cut while it was written, and something else is there now',
  );
}

async function collected(
  item: WriteItem,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | FerryError> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of contentOfSize(item, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    throwIfAborted(signal);
    return toFerryError(error, item.path);
  }
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array> {
  if (content.length > 0) yield content;
}
