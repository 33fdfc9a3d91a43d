import type { FileEntry, Version } from '../../core/model/entry.ts';
import { type FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { parentPath, type SyncPath } from '../../core/model/path.ts';
import type { WriteItem, WriteResult } from '../../core/ports.ts';
import type { Answer } from './answer.ts';
import type { Blame } from './blame.ts';
import { expectAt, expectNothing, type Outcome, once, sendIfMatch } from './conditions.ts';
import { changedError, StatusError } from './http-errors.ts';
import { expectListable } from './listable.ts';
import { lookAt } from './listing.ts';
import { shownLock, withLock } from './locks.ts';
import type { ProbeResult } from './probe-result.ts';
import { putRecipe } from './recipe-upload.ts';
import { entryOf, etagOf, type Resource } from './resource.ts';
import { rungsFor } from './rungs.ts';
import type { Session } from './session.ts';
import { unsettledMs } from './settling.ts';
import { SharedLooks } from './shared-looks.ts';
import type { Slots } from './slots.ts';
import {
  describeWritten,
  dropUpload,
  entryInAnswer,
  putContent,
  refuseUpload,
  writtenEntry,
} from './upload.ts';
import { displacementHeaders, noteKept } from './versions.ts';

/** Writes single files by the rungs that the server was proven to honour. */
export class FileWriter {
  readonly #session: Session;
  readonly #probe: ProbeResult;
  readonly #slots: Slots;
  readonly #looks: SharedLooks;
  readonly #blame: Blame;
  readonly #farSlots: number;

  /** `slots` bound what is uploaded or published at a time; a file that only waits takes none. */
  constructor(
    session: Session,
    probe: ProbeResult,
    { slots, blame }: { readonly slots: Slots; readonly blame: Blame },
  ) {
    this.#session = session;
    this.#probe = probe;
    this.#slots = slots;
    this.#looks = new SharedLooks(session, slots, probe);
    this.#blame = blame;
    this.#farSlots = 2 * slots.count;
  }

  /** Writes one file; never rejects. */
  async write(item: WriteItem, signal?: AbortSignal): Promise<WriteResult> {
    try {
      throwIfAborted(signal);
      expectListable(this.#probe, item.path);
      if (this.#session.http.isFar) this.#slots.widenTo(this.#farSlots);
      return { item, entry: await this.#written(item, signal) };
    } catch (error) {
      const cause = await this.#explained(item, error, signal).catch(toFerryError);
      return { item, error: asAborted(cause, item, signal) };
    }
  }

  /** Servers refuse to PUT onto a collection in different words; a look tells. */
  async #explained(
    item: WriteItem,
    error: unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    if (!(error instanceof StatusError) || ![403, 405].includes(error.status))
      return this.#blame.of(item.path, error, signal);
    const seen = await lookAt(this.#session, item.path, signal).catch(() => null);
    return seen?.resource.isCollection === true
      ? changedError(item.path, 'it is a directory by now')
      : error;
  }

  #written(item: WriteItem, signal: AbortSignal | undefined): Promise<FileEntry> {
    const rungs = rungsFor(this.#probe, item);
    const rung = item.expected === 'absent' ? rungs.create : rungs.replace;
    switch (rung) {
      case 'put-if-none-match':
        return this.#slots.run(() => this.#putNew(item, signal));
      case 'put-if-match':
        return this.#slots.run(() => this.#putIfMatch(item, expectedOf(item), signal));
      case 'put-if-list':
        return this.#slots.run(() => this.#putIfList(item, expectedOf(item), signal));
      case 'put-under-lock':
        return this.#slots.run(() => this.#putUnderLock(item, expectedOf(item), signal));
      default:
        return this.#staged(item, signal, (from, uploaded) => {
          if (rung === 'move-under-lock')
            return this.#moveUnderLock(item, expectedOf(item), from, signal);
          return this.#moveAfterLook(item, from, uploaded, signal);
        });
    }
  }

  async #putNew(item: WriteItem, signal: AbortSignal | undefined): Promise<FileEntry> {
    return once(
      item.path,
      async () => {
        const answer = await this.#put(item, { 'if-none-match': '*' }, signal);
        if (answer === 'refused') throw changedError(item.path, 'something is there by now');
        return this.#described(item, answer, signal);
      },
      () => this.#outcomeOfPut(item, signal),
    );
  }

  async #putIfMatch(
    item: WriteItem,
    expected: Version,
    signal: AbortSignal | undefined,
  ): Promise<FileEntry> {
    let answered: Answer | null = null;
    const target = { path: item.path, expected };
    const attempt = async (): Promise<FileEntry> => {
      await sendIfMatch(
        this.#session,
        this.#probe,
        target,
        async (etag) => {
          const outcome = await this.#replace(item, { 'if-match': etag }, signal);
          if (outcome === 'refused') return 412;
          answered = outcome;
          return 204;
        },
        signal,
      );
      return this.#described(item, answered, signal);
    };
    return once(item.path, attempt, () => this.#outcomeOfPut(item, signal));
  }

  async #putIfList(
    item: WriteItem,
    expected: Version,
    signal: AbortSignal | undefined,
  ): Promise<FileEntry> {
    const etag = etagOf(expected);
    if (etag === null) throw changedError(item.path, 'it is another version by now');
    // A list is also true for what is not there on some servers; only a look tells.
    await expectAt(this.#session, item.path, expected, signal);
    return once(
      item.path,
      async () => {
        const answer = await this.#put(item, { if: `([${etag}])` }, signal);
        if (answer === 'refused') throw changedError(item.path, 'it is another version by now');
        return this.#described(item, answer, signal);
      },
      () => this.#outcomeOfPut(item, signal),
    );
  }

  async #putUnderLock(
    item: WriteItem,
    expected: Version,
    signal: AbortSignal | undefined,
  ): Promise<FileEntry> {
    await expectAt(this.#session, item.path, expected, signal);
    return withLock(this.#session, item.path, signal, async (held) => {
      await expectAt(this.#session, item.path, expected, signal);
      const answer = await this.#put(item, { if: shownLock(this.#probe, held) }, signal);
      if (answer === 'refused') throw changedError(item.path, 'the lock on it was lost');
      return this.#described(item, answer, signal);
    });
  }

  /** Uploads under a temporary name, looks at it there, and publishes it when its version names that state only. */
  async #staged(
    item: WriteItem,
    signal: AbortSignal | undefined,
    publish: (from: SyncPath, uploaded: Resource) => Promise<void>,
  ): Promise<FileEntry> {
    const session = this.#session;
    const from = session.temporaryPath(parentPath(item.path));
    try {
      const { uploaded, serverTimeMs } = await this.#slots.run(async () => {
        if (item.expected !== 'absent') await expectAt(session, item.path, item.expected, signal);
        const answer = await putContent(session, this.#probe, item, { path: from, signal });
        await answer.discard();
        if (answer.status === 412) refuseUpload(session, item, answer.status);
        const date = Date.parse(answer.header('date') ?? '');
        // Nobody else knows the name, so whatever the listing says is ours; rclone's PUT at times names another ETag.
        const described = { path: from, answered: null, looks: this.#looks, signal };
        return {
          uploaded: await describeWritten(session, this.#probe, item, described),
          serverTimeMs: Number.isNaN(date) ? null : date,
        };
      });
      const waitMs = unsettledMs(uploaded, serverTimeMs, this.#probe, session.clock);
      if (waitMs > 0) await session.clock.sleep(waitMs, signal);
      await this.#slots.run(() => publish(from, uploaded));
      return writtenEntry(uploaded, item.path);
    } catch (error) {
      await dropUpload(session, from);
      throw error;
    }
  }

  async #moveUnderLock(
    item: WriteItem,
    expected: Version,
    from: SyncPath,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await expectAt(this.#session, item.path, expected, signal);
    await withLock(this.#session, item.path, signal, async (held) => {
      await expectAt(this.#session, item.path, expected, signal);
      const headers = { overwrite: 'T', if: held.named };
      await this.#publish(from, item.path, headers, signal);
    });
  }

  async #moveAfterLook(
    item: WriteItem,
    from: SyncPath,
    uploaded: Resource,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { path, expected } = item;
    const session = this.#session;
    if (expected !== 'absent') await expectAt(session, path, expected, signal);
    else if (!this.#probe.overwriteFalse) await expectNothing(session, path, signal);
    const overwrite = expected === 'absent' ? 'F' : 'T';
    await once(
      path,
      () => this.#publish(from, path, { overwrite }, signal),
      async () => {
        const [source, target] = [await lookAt(session, from), await lookAt(session, path)];
        if (source !== null) return 'not done';
        return target?.resource.version === uploaded.version
          ? { done: undefined }
          : 'something else';
      },
    );
  }

  async #publish(
    from: SyncPath,
    to: SyncPath,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const status = await this.#session.status(from, {
      method: 'MOVE',
      headers: { destination: this.#session.addresses.urlOf(to).href, ...headers },
      accept: [200, 201, 204, 412],
      signal,
    });
    if (status === 412) throw changedError(to, 'something is there by now');
  }

  /** Sends what the server does not have, where it can make the rest out of what it has. */
  async #replace(
    item: WriteItem,
    condition: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Answer | 'refused'> {
    const { displacement } = item;
    const headers = { ...condition, ...displacementHeaders(displacement) };
    const answer = await putRecipe(this.#session, this.#probe, item, { headers, signal });
    if (answer === null) return this.#put(item, condition, signal);
    await answer.discard();
    noteKept(answer, displacement);
    return answer.status === 412 ? 'refused' : answer;
  }

  async #put(
    item: WriteItem,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Answer | 'refused'> {
    const { displacement, path } = item;
    const target = { path, headers: { ...headers, ...displacementHeaders(displacement) }, signal };
    const answer = await putContent(this.#session, this.#probe, item, target);
    await answer.discard();
    noteKept(answer, displacement);
    return answer.status === 412 ? 'refused' : answer;
  }

  async #described(
    item: WriteItem,
    answered: Answer | null,
    signal: AbortSignal | undefined,
  ): Promise<FileEntry> {
    const { path } = item;
    const known = answered === null ? null : entryInAnswer(this.#probe, item, answered);
    if (known !== null) return known;
    const written = { path, answered, looks: this.#looks, signal };
    return writtenEntry(await describeWritten(this.#session, this.#probe, item, written), path);
  }

  /** What became of a PUT whose answer was lost: content is not compared here, so `done` is never said. */
  async #outcomeOfPut(
    item: WriteItem,
    signal: AbortSignal | undefined,
  ): Promise<Outcome<FileEntry>> {
    const seen = await lookAt(this.#session, item.path, signal);
    if (seen === null) return item.expected === 'absent' ? 'not done' : 'something else';
    return entryOf(seen.resource).version === item.expected ? 'not done' : 'something else';
  }
}

function expectedOf(item: WriteItem): Version {
  if (item.expected === 'absent') throw changedError(item.path, 'nothing was expected there');
  return item.expected;
}

function asAborted(error: unknown, item: WriteItem, signal: AbortSignal | undefined): FerryError {
  const known = toFerryError(error, item.path);
  if (signal?.aborted !== true || known.code === 'ABORTED') return known;
  return toFerryError(Object.assign(new Error('cancelled'), { name: 'AbortError' }), item.path);
}
