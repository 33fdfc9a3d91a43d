import type { Version } from '../../core/model/entry.ts';
import { FerryError, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Content, Logger } from '../../core/ports.ts';
import type { BackingFiles, BackingStat } from './backing-files.ts';
import type { FileNode } from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import { PosixError } from './posix-error.ts';

/** Fetches the content of one version from the other side. */
export type Hydrate = (path: SyncPath, version: Version, signal: AbortSignal) => Promise<Content>;

export interface HydrationOptions {
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly hydrate: Hydrate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A fetch that brings nothing for so long is given up. */
  readonly stallMs: number;
  /** Called when the other side has another version than the table says: a run of sync would bring it. */
  readonly onOutdated: (path: SyncPath) => void;
}

/** A file may get a newer version while it is fetched; it is fetched anew so many times. */
const MAX_TRIES = 3;

/** Fills placeholders, each once for all who wait for it. */
export class Hydrations {
  readonly #options: HydrationOptions;
  readonly #running = new Map<FileNode, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: HydrationOptions) {
    this.#options = options;
  }

  /** How many files are being fetched now. */
  get active(): number {
    return this.#running.size;
  }

  /**
   * Resolves when the file's content is here.
   * @throws what `hydrate` rejects with; REMOTE_UNREACHABLE (ETIMEDOUT for programs) when nothing comes any more
   */
  fill(node: FileNode): Promise<void> {
    const running = this.#running.get(node);
    if (running !== undefined) return running;
    const work = this.#fill(node).finally(() => this.#running.delete(node));
    this.#running.set(node, work);
    return work;
  }

  /** Cancels what is being fetched. */
  close(): void {
    this.#stop.abort();
  }

  async #fill(node: FileNode): Promise<void> {
    const { table, backing } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (node.state !== 'placeholder') return;
      const { source, sizeBytes } = node;
      const id = table.journal.nextId();
      const stat = await this.#fetch(node, id);
      if (node.state === 'placeholder' && node.source === source && node.sizeBytes === sizeBytes) {
        node.state = 'hydrated';
        node.backing = id;
        node.stampNs = stat.mtimeNs;
        table.changed(node);
        return;
      }
      backing.remove(id);
    }
    throw new FerryError('LOCAL_BUSY', 'the file keeps changing on the other side; try again', {
      path: table.pathOf(node),
    });
  }

  async #fetch(node: FileNode, id: number): Promise<BackingStat> {
    const { table, backing, hydrate, clock, logger, stallMs } = this.#options;
    const path = table.pathOf(node);
    if (node.sizeBytes === 0) return backing.fill(id, noBytes(), 0);
    if (node.source === null) throw new FerryError('INTERNAL', 'placeholder of nothing', { path });
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    this.#stop.signal.addEventListener('abort', stop);
    const watch = new StallWatch(stallMs, path);
    const startedMs = clock.now();
    const abandoned = { yes: false };
    try {
      const { source, sizeBytes } = node;
      const fetched = (async () => {
        const content = await hydrate(path, source, controller.signal);
        watch.progress();
        if (content.sizeBytes !== sizeBytes)
          throw new FerryError(
            'CHANGED',
            `the other side holds ${content.sizeBytes} bytes, not ${sizeBytes}`,
            { path },
          );
        const stat = await backing.fill(id, content.stream, sizeBytes, () => watch.progress());
        if (abandoned.yes) backing.remove(id);
        return stat;
      })();
      const stat = await Promise.race([fetched, watch.stalled]);
      logger.info('hydrated', { path, sizeBytes, durationMs: clock.now() - startedMs });
      return stat;
    } catch (error) {
      abandoned.yes = true;
      logger.warn('not hydrated', { path, error: String(error) });
      const failure = toFerryError(error, path);
      if (failure.code === 'CHANGED' || failure.code === 'REMOTE_NOT_FOUND')
        this.#options.onOutdated(path);
      throw failure;
    } finally {
      watch.stop();
      controller.abort();
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }
}

/** Rejects when `progress` was not called for a while. */
class StallWatch {
  readonly stalled: Promise<never>;
  #timer: NodeJS.Timeout;

  constructor(stallMs: number, path: SyncPath) {
    const { promise, reject } = withReject();
    this.stalled = promise;
    this.#timer = setTimeout(() => {
      const message = `${path}: nothing came from the other side for ${stallMs / 1000} s`;
      const cause = new PosixError('ETIMEDOUT', message);
      reject(new FerryError('REMOTE_UNREACHABLE', message, { path, cause }));
    }, stallMs);
  }

  progress(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}

async function* noBytes(): AsyncIterable<Uint8Array> {}
