import { throwIfAborted } from '../../core/model/errors.ts';
import {
  GROUP_BYTES,
  GROUP_FILE_BYTES,
  GROUP_FILES,
  type WriteItem,
  type WriteOptions,
  type WriteResult,
} from '../../core/ports.ts';
import { sharedSignal } from '../../core/transfer/shared-signal.ts';
import { folderError } from './errno.ts';
import type { StagedFile } from './stage.ts';
import { stageGroup } from './stage-group.ts';
import { commitGroup, type GroupContext } from './write-group.ts';

const STAGE_AT_ONCE = 16;
const MAX_WAITING = 1000;
/** While one is written beside the tree, the next is read. */
const GROUPS_AT_ONCE = 2;
/** From so many on, what is staged is committed before more is begun. */
const MAX_STAGED_FILES = 256;
const MAX_STAGED_BYTES = 64 * 1024 * 1024;
const GROUP_MS = 250;
/** What is read of a group is lost when the run is interrupted: a group shall not take much longer than this. */
const GROUP_READ_MS = 1000;
const SMALLEST_GROUP_FILES = 32;

/** Lets one loop sleep until something happened. */
class Bell {
  #ring: () => void = () => undefined;
  #rung: Promise<void> = Promise.resolve();

  constructor() {
    this.#arm();
  }

  #arm(): void {
    this.#rung = new Promise((resolve) => {
      this.#ring = resolve;
    });
  }

  ring(): void {
    this.#ring();
  }

  /** Resolves when the bell was rung since the last wait, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    const timer = Number.isFinite(timeoutMs)
      ? setTimeout(() => this.ring(), Math.max(0, timeoutMs))
      : undefined;
    await this.#rung;
    clearTimeout(timer);
    this.#arm();
  }
}

/** Small items on their way into a group, which is as large as suits the side that they are read from. */
class Gathering {
  #items: WriteItem[] = [];
  #bytes = 0;
  #maxFiles = GROUP_FILES;

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  get isFull(): boolean {
    return this.#items.length >= this.#maxFiles || this.#bytes >= GROUP_BYTES - GROUP_FILE_BYTES;
  }

  add(item: WriteItem): void {
    this.#items.push(item);
    this.#bytes += item.sizeBytes;
  }

  takeAll(): readonly WriteItem[] {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }

  /** Makes the groups to come larger or smaller, after one has taken so long. */
  suit(tookMs: number): void {
    if (tookMs > GROUP_READ_MS)
      this.#maxFiles = Math.max(SMALLEST_GROUP_FILES, this.#maxFiles >> 1);
    else if (tookMs < GROUP_READ_MS / 4)
      this.#maxFiles = Math.min(GROUP_FILES, this.#maxFiles << 1);
  }
}

/**
 * Takes items, stages several of them at once, small ones in whole groups where their contents can be read so, and hands
 * over groups that are worth a sync. While one group is committed, the next is read and staged.
 */
class Staging {
  readonly #iterator: AsyncIterator<WriteItem> | Iterator<WriteItem>;
  readonly #isAsync: boolean;
  readonly #context: GroupContext;
  readonly #contents: WriteOptions['contents'];
  readonly #abort = new AbortController();
  readonly #signal = sharedSignal(this.#abort.signal);
  readonly #bell = new Bell();
  readonly #running = new Set<Promise<void>>();
  #taking: Promise<void> | null = null;
  #isExhausted = false;
  #sourceError: { readonly error: unknown } | null = null;
  /** Items that wait for a place to be staged by themselves: small ones behind them need not wait. */
  readonly #waiting: WriteItem[] = [];
  #singles = 0;
  readonly #gathering = new Gathering();
  #groupsRead = 0;
  #staged: StagedFile[] = [];
  #failed: WriteResult[] = [];
  #stagedBytes = 0;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    context: GroupContext,
    contents: WriteOptions['contents'],
  ) {
    this.#isAsync = Symbol.asyncIterator in items;
    this.#iterator =
      Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#context = context;
    this.#contents = contents;
  }

  async *groups(signal: AbortSignal | undefined): AsyncIterable<readonly WriteResult[]> {
    const onAbort = (): void => {
      this.#abort.abort(signal?.reason);
      this.#bell.ring();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        throwIfAborted(signal);
        if (this.#sourceError) throw folderError(this.#sourceError.error, '', 'take files for');
        this.#goOn();
        if (this.#failed.length > 0) yield this.#failed.splice(0);
        else if (this.#isDue()) {
          const group = this.#takeGroup();
          this.#goOn();
          yield await commitGroup(group, this.#context);
        } else if (this.#isAllStaged()) return;
        else await this.#bell.wait(this.#dueMs - performance.now());
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#abandon();
    }
  }

  /** Begins whatever there is a place for. */
  #goOn(): void {
    if (this.#abort.signal.aborted || this.#isBacklogged()) return;
    if (!this.#isExhausted && this.#taking === null && this.#hasPlace())
      this.#taking = this.#take().finally(() => {
        this.#taking = null;
        this.#begin();
        this.#bell.ring();
      });
    this.#begin();
  }

  #isBacklogged(): boolean {
    return this.#staged.length >= MAX_STAGED_FILES || this.#stagedBytes >= MAX_STAGED_BYTES;
  }

  /** Takes items until there is no place for more. */
  async #take(): Promise<void> {
    try {
      while (!this.#isExhausted && this.#hasPlace()) {
        const given = this.#iterator.next();
        // A source that takes its time does not hold up what it gave before.
        if (this.#isAsync) this.#begin();
        const next = this.#isAsync ? await given : (given as IteratorResult<WriteItem>);
        if (next.done) this.#isExhausted = true;
        else if (this.#isSmall(next.value)) this.#gathering.add(next.value);
        else this.#waiting.push(next.value);
      }
    } catch (error) {
      this.#isExhausted = true;
      this.#sourceError = { error };
    }
  }

  #isSmall({ sizeBytes }: WriteItem): boolean {
    return this.#contents !== undefined && sizeBytes <= GROUP_FILE_BYTES;
  }

  #hasPlace(): boolean {
    if (this.#abort.signal.aborted || this.#isBacklogged() || this.#gathering.isFull) return false;
    const places = this.#contents === undefined ? STAGE_AT_ONCE : MAX_WAITING;
    return this.#waiting.length + this.#singles < places;
  }

  #begin(): void {
    if (this.#abort.signal.aborted) return;
    while (this.#singles < STAGE_AT_ONCE) {
      const item = this.#waiting.shift();
      if (!item) break;
      this.#singles++;
      this.#run(this.#stageOne(item).finally(() => this.#singles--));
    }
    if (this.#contents === undefined || this.#isBacklogged()) return;
    if (this.#groupsRead >= GROUPS_AT_ONCE) return;
    const group = this.#gathering.takeAll();
    if (group.length === 0) return;
    this.#groupsRead++;
    const reading = this.#stageMany(group, this.#contents);
    this.#run(reading.finally(() => this.#groupsRead--));
  }

  #run(work: Promise<unknown>): void {
    const running = work.then(() => {
      this.#running.delete(running);
      this.#goOn();
      this.#bell.ring();
    });
    this.#running.add(running);
  }

  async #stageOne(item: WriteItem): Promise<void> {
    const { names, root, stage } = this.#context;
    try {
      const real = names.realPath(item.path);
      this.#add([await stage.fill(root, item, real, this.#signal)], GROUP_MS);
    } catch (error) {
      this.#failed.push({ item, error: folderError(error, item.path, 'write') });
    }
  }

  async #stageMany(
    items: readonly WriteItem[],
    contents: NonNullable<WriteOptions['contents']>,
  ): Promise<void> {
    const startedMs = performance.now();
    const { staged, failed } = await stageGroup(items, contents, this.#context, this.#signal);
    this.#gathering.suit(performance.now() - startedMs);
    for (const one of failed) this.#failed.push(one);
    this.#add(staged, 0);
  }

  /** Takes over what is staged, to be committed after `waitMs` at the latest. */
  #add(staged: readonly StagedFile[], waitMs: number): void {
    if (staged.length === 0) return;
    this.#dueMs = Math.min(this.#dueMs, performance.now() + waitMs);
    for (const one of staged) {
      this.#staged.push(one);
      this.#stagedBytes += one.item.sizeBytes;
    }
  }

  /** A group is due when it is full, old enough, or nothing more will come to it. */
  #isDue(): boolean {
    if (this.#staged.length === 0) return false;
    return this.#isAllStaged() || this.#isBacklogged() || this.#dueMs <= performance.now();
  }

  #isAllStaged(): boolean {
    const isEmpty = this.#waiting.length === 0 && this.#gathering.isEmpty;
    return this.#isExhausted && isEmpty && this.#taking === null && this.#running.size === 0;
  }

  #takeGroup(): readonly StagedFile[] {
    const group = this.#staged;
    this.#staged = [];
    this.#stagedBytes = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
    return group;
  }

  /** Ends what still runs and removes what was not published. */
  async #abandon(): Promise<void> {
    this.#abort.abort();
    if (!this.#isExhausted) await this.#iterator.return?.();
    await this.#taking;
    await Promise.all(this.#running);
    const { root, stage } = this.#context;
    for (const staged of this.#takeGroup()) await stage.giveUp(root, staged);
  }
}

/**
 * Writes files by the durable group protocol: staged beside the tree, several at a time or in whole groups, then
 * published in groups: those that were read together, else of some 256 files, 64 MiB or 250 ms.
 */
export function writeFiles(
  items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
  context: GroupContext,
  { signal, contents }: WriteOptions,
): AsyncIterable<readonly WriteResult[]> {
  return new Staging(items, context, contents).groups(signal);
}
