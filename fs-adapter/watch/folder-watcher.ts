import { lstat, realpath } from 'node:fs/promises';
import { relative } from 'node:path';
import type { AsyncSubscription, Event } from '@parcel/watcher';
import { Observable, type Subscriber, share } from 'rxjs';
import {
  isPrivateName,
  PRIVATE_FOLDER,
  parseSyncPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type { Logger } from '../../core/ports.ts';
import { NativeWatch } from './native-watch.ts';

/** How long it must be quiet before directories that appeared are looked at once more. */
const QUIET_MS = 1000;
const RETRY_MS = 30_000;
/** A batch of more events than this may have lost some: the whole tree is worth a look. */
const BURST_EVENTS = 1000;

export interface FolderWatcherOptions {
  readonly absolutePath: string;
  /** Asks for what works without the native addon. */
  readonly backend?: 'native' | 'javascript';
  readonly logger: Logger;
}

/**
 * Returns hints about changes in a folder, while someone is subscribed: from inotify where the native addon is there,
 * else from the system's watcher through @parcel/watcher. The latter's are not complete: events are lost in bursts and below new directories, without an error. So a directory that
 * appears is watched anew, and hinted at again, once it has been quiet for a second; and what the watcher could not
 * do becomes a hint for the root.
 */
export function watchFolder(options: FolderWatcherOptions): Observable<SyncPath> {
  return new Observable<SyncPath>((subscriber) => {
    const watch = new FolderWatch(options, subscriber);
    watch.start();
    return () => watch.stop();
  }).pipe(share());
}

class FolderWatch {
  readonly #options: FolderWatcherOptions;
  readonly #subscriber: Subscriber<SyncPath>;
  #directory = '';
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #subscription: AsyncSubscription | null = null;
  #native: NativeWatch | null = null;
  /** Subscribing and unsubscribing, one after the other. */
  #chain: Promise<void> = Promise.resolve();

  constructor(options: FolderWatcherOptions, subscriber: Subscriber<SyncPath>) {
    this.#options = options;
    this.#subscriber = subscriber;
  }

  start(): void {
    this.#then(() => this.#subscribe());
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#then(() => this.#unsubscribe());
  }

  #then(step: () => Promise<void>): void {
    this.#chain = this.#chain.then(step).catch((error: unknown) => this.#failed(error));
  }

  async #subscribe(): Promise<void> {
    if (this.#isStopped) return;
    const hint = (path: SyncPath): void => this.#hint(path);
    if (this.#options.backend !== 'javascript')
      this.#native = await NativeWatch.open({ ...this.#options, hint });
    if (this.#native !== null) return;
    const { default: watcher } = await import('@parcel/watcher');
    this.#directory = await realpath(this.#options.absolutePath);
    this.#subscription = await watcher.subscribe(
      this.#directory,
      (error, events) => {
        if (error) this.#failed(error);
        else this.#then(() => this.#take(events));
      },
      { ignore: [PRIVATE_FOLDER] },
    );
  }

  async #unsubscribe(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = null;
    await subscription?.unsubscribe();
    const native = this.#native;
    this.#native = null;
    await native?.close();
  }

  async #take(events: readonly Event[]): Promise<void> {
    if (events.length > BURST_EVENTS) {
      this.#hint(ROOT);
      this.#watchAnew([ROOT]);
      return;
    }
    const made: SyncPath[] = [];
    for (const event of events) {
      const path = this.#pathOf(event.path);
      if (path === null) continue;
      this.#hint(path);
      if (event.type === 'create' && (await isDirectory(event.path))) made.push(path);
    }
    if (made.length > 0) this.#watchAnew(made);
  }

  #pathOf(absolutePath: string): SyncPath | null {
    const names = relative(this.#directory, absolutePath);
    if (names.split('/').some(isPrivateName)) return null;
    try {
      return parseSyncPath(names);
    } catch {
      return ROOT; // no name that can be synced, but something happened
    }
  }

  #hint(path: SyncPath): void {
    if (!this.#isStopped) this.#subscriber.next(path);
  }

  /** Subscribes again after a quiet second, so that directories that were filled at once are watched too. */
  #watchAnew(made: readonly SyncPath[]): void {
    this.#later(QUIET_MS, async () => {
      await this.#unsubscribe();
      await this.#subscribe();
      for (const path of made) this.#hint(path);
    });
  }

  #later(ms: number, step: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#then(step), ms);
    this.#timer.unref();
  }

  #failed(error: unknown): void {
    if (this.#isStopped) return;
    const { absolutePath, logger } = this.#options;
    logger.warn(adviceFor(String(error)), { absolutePath, error: String(error) });
    this.#hint(ROOT);
    this.#later(RETRY_MS, async () => {
      await this.#unsubscribe();
      await this.#subscribe();
    });
  }
}

function adviceFor(error: string): string {
  if (/no space left|ENOSPC/i.test(error))
    return 'too many directories to watch: raise sysctl fs.inotify.max_user_watches; until then changes are found by scans only';
  if (/too many open files|EMFILE/i.test(error))
    return 'too many watchers: raise sysctl fs.inotify.max_user_instances; until then changes are found by scans only';
  return 'the folder cannot be watched; changes are found by scans only';
}

async function isDirectory(absolutePath: string): Promise<boolean> {
  try {
    return (await lstat(absolutePath)).isDirectory();
  } catch {
    return false; // gone again
  }
}
