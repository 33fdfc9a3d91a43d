import { throwIfAborted } from '../../core/model/errors.ts';
import type { WriteItem, WriteResult } from '../../core/ports.ts';
import { sharedSignal } from '../../core/transfer/shared-signal.ts';
import { folderError } from './errno.ts';
import { removeIfThere } from './private-files.ts';
import type { StagedFile } from './stage.ts';
import { commitGroup, type GroupContext } from './write-group.ts';

const STAGE_AT_ONCE = 16;
const GROUP_FILES = 256;
const GROUP_BYTES = 64 * 1024 * 1024;
const GROUP_MS = 250;

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

/** Pulls items, stages several of them at once, and hands over groups that are worth a sync. */
class Staging {
  readonly #iterator: AsyncIterator<WriteItem> | Iterator<WriteItem>;
  readonly #context: GroupContext;
  readonly #abort = new AbortController();
  readonly #signal = sharedSignal(this.#abort.signal);
  readonly #bell = new Bell();
  readonly #running = new Set<Promise<void>>();
  #pulling: Promise<void> | null = null;
  #isExhausted = false;
  #sourceError: { readonly error: unknown } | null = null;
  #staged: StagedFile[] = [];
  #failed: WriteResult[] = [];
  #stagedBytes = 0;
  #firstStagedMs = 0;

  constructor(items: AsyncIterable<WriteItem> | Iterable<WriteItem>, context: GroupContext) {
    this.#iterator =
      Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#context = context;
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
        this.#pull();
        if (this.#failed.length > 0) yield this.#failed.splice(0);
        else if (this.#isDue()) yield await commitGroup(this.#takeGroup(), this.#context);
        else if (this.#isDone()) return;
        else await this.#bell.wait(this.#timeLeftMs());
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#abandon();
    }
  }

  /** Takes the next item as soon as there is a place for it. */
  #pull(): void {
    const isFull = this.#running.size >= STAGE_AT_ONCE || this.#staged.length >= GROUP_FILES;
    if (this.#isExhausted || this.#pulling || isFull) return;
    this.#pulling = this.#pullNext().finally(() => {
      this.#pulling = null;
      this.#bell.ring();
    });
  }

  async #pullNext(): Promise<void> {
    try {
      const next = await this.#iterator.next();
      if (next.done) this.#isExhausted = true;
      else this.#start(next.value);
    } catch (error) {
      this.#isExhausted = true;
      this.#sourceError = { error };
    }
  }

  #start(item: WriteItem): void {
    const running = this.#stage(item).finally(() => {
      this.#running.delete(running);
      this.#bell.ring();
    });
    this.#running.add(running);
  }

  async #stage(item: WriteItem): Promise<void> {
    const { names, root, stage } = this.#context;
    try {
      const real = names.realPath(item.path);
      const staged = await stage.fill(root, item, real, this.#signal);
      if (this.#staged.length === 0) this.#firstStagedMs = performance.now();
      this.#staged.push(staged);
      this.#stagedBytes += item.sizeBytes;
    } catch (error) {
      this.#failed.push({ item, error: folderError(error, item.path, 'write') });
    }
  }

  #timeLeftMs(): number {
    if (this.#staged.length === 0) return Number.POSITIVE_INFINITY;
    return this.#firstStagedMs + GROUP_MS - performance.now();
  }

  /** A group is due when it is full, old enough, or nothing more will come to it. */
  #isDue(): boolean {
    if (this.#staged.length === 0) return false;
    const isLast = this.#isExhausted && this.#running.size === 0;
    const isFull = this.#staged.length >= GROUP_FILES || this.#stagedBytes >= GROUP_BYTES;
    return isLast || isFull || this.#timeLeftMs() <= 0;
  }

  #isDone(): boolean {
    return this.#isExhausted && !this.#pulling && this.#running.size === 0;
  }

  #takeGroup(): readonly StagedFile[] {
    const group = this.#staged;
    this.#staged = [];
    this.#stagedBytes = 0;
    return group;
  }

  /** Ends what still runs and removes what was not published. */
  async #abandon(): Promise<void> {
    this.#abort.abort();
    if (!this.#isExhausted) await this.#iterator.return?.();
    await this.#pulling;
    await Promise.all(this.#running);
    for (const { stage } of this.#takeGroup()) await removeIfThere(this.#context.root, stage);
  }
}

/**
 * Writes files by the durable group protocol: staged beside the tree, several at a time, then published in groups of
 * up to 256 files, 64 MiB or 250 ms.
 */
export function writeFiles(
  items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
  context: GroupContext,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly WriteResult[]> {
  return new Staging(items, context).groups(signal);
}
