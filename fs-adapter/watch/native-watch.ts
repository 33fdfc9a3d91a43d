import { realpath } from 'node:fs/promises';
import { isPrivateName, parseSyncPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Logger } from '../../core/ports.ts';
import { openSafeRoot, type SafeRoot, type TreeEvent, TreeWatch } from '../../native/index.ts';
import { PendingHints } from './pending-hints.ts';

export interface NativeWatchOptions {
  readonly absolutePath: string;
  readonly logger: Logger;
  readonly hint: (path: SyncPath) => void;
}

/** Watches a folder through inotify: each change is heard of within a millisecond or two, and none is lost unheard. */
export class NativeWatch {
  readonly #root: SafeRoot;
  readonly #watch: TreeWatch;
  readonly #pending: PendingHints;

  private constructor(root: SafeRoot, watch: TreeWatch, pending: PendingHints) {
    this.#root = root;
    this.#watch = watch;
    this.#pending = pending;
  }

  /**
   * Returns the watch when it watches the whole tree, and hints at the root then, since something may have happened
   * meanwhile; null where there is none (no addon, another system, or no watches left).
   */
  static async open({
    absolutePath,
    logger,
    hint,
  }: NativeWatchOptions): Promise<NativeWatch | null> {
    const root = await openSafeRoot(await realpath(absolutePath));
    const pending = new PendingHints(hint);
    let isWatching = true;
    const watch = await TreeWatch.open(root, {
      ignores: (path) => path.split('/').some(isPrivateName),
      onEvents: (events) => {
        for (const event of events) {
          if (event.type === 'unwatched') isWatching = false;
          take(event, pending);
        }
      },
    }).catch((error: unknown) => {
      logger.debug('no native watch', { absolutePath, error: String(error) });
      return null;
    });
    if (watch !== null) {
      const native = new NativeWatch(root, watch, pending);
      await watch.start();
      if (isWatching) {
        hint(ROOT);
        return native;
      }
      await native.close();
      return null;
    }
    await root.close();
    return null;
  }

  async close(): Promise<void> {
    this.#pending.close();
    await this.#watch.close();
    await this.#root.close();
  }
}

function take(event: TreeEvent, pending: PendingHints): void {
  if (event.type === 'overflow') pending.done(ROOT);
  else if (event.type === 'changed' && !event.isDirectory && event.path !== '')
    pending.fileChanged(pathOf(event.path), event.how);
  else pending.done(pathOf(event.path));
  if (event.type === 'moved') pending.done(pathOf(event.from));
}

function pathOf(path: string): SyncPath {
  try {
    return parseSyncPath(path);
  } catch {
    return ROOT; // no name that can be synced, but something happened
  }
}
