import { nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import { list, lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Resource } from './resource.ts';
import type { Session } from './session.ts';
import type { Slots } from './slots.ts';

/** For so long further looks into a directory are gathered, while other work goes on. */
const GATHER_MS = 25;
/** Fewer paths are looked at one by one. */
const MIN_SHARED = 3;
/** A directory is listed for some of its entries only when it is at most so many times as large. */
const MAX_OTHERS = 16;

interface Waiting {
  readonly path: SyncPath;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (found: Resource | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Looks at what was just written. One listing of a directory answers for all paths in it that wait at the time; while
 * a path waits, the slot of its task is free for others.
 */
export class SharedLooks {
  readonly #session: Session;
  readonly #slots: Slots;
  readonly #probe: Pick<ProbeResult, 'listsDotNames'>;
  readonly #waiting = new Map<SyncPath, Waiting[]>();
  readonly #sizes = new Map<SyncPath, number>();

  constructor(session: Session, slots: Slots, probe: Pick<ProbeResult, 'listsDotNames'>) {
    this.#session = session;
    this.#slots = slots;
    this.#probe = probe;
  }

  /** Returns what is at `path`; null when nothing is. To be called by a task that holds a slot. */
  at(path: SyncPath, signal?: AbortSignal): Promise<Resource | null> {
    const isListed = this.#probe.listsDotNames || !nameOf(path).startsWith('.');
    return this.#slots.without(() =>
      isListed ? this.#gathered(path, signal) : this.#single(path, signal),
    );
  }

  #gathered(path: SyncPath, signal: AbortSignal | undefined): Promise<Resource | null> {
    const directory = parentPath(path);
    return new Promise((resolve, reject) => {
      const one = { path, signal, resolve, reject };
      const others = this.#waiting.get(directory);
      if (others) {
        others.push(one);
        return;
      }
      this.#waiting.set(directory, [one]);
      setTimeout(() => this.#look(directory), this.#slots.isIdle ? 0 : GATHER_MS);
    });
  }

  #look(directory: SyncPath): void {
    const waiting = this.#waiting.get(directory) ?? [];
    this.#waiting.delete(directory);
    const isSmall = (this.#sizes.get(directory) ?? 0) <= waiting.length * MAX_OTHERS;
    if (waiting.length >= MIN_SHARED && isSmall) void this.#lookTogether(directory, waiting);
    else for (const one of waiting) this.#lookAlone(one);
  }

  #lookAlone({ path, signal, resolve, reject }: Waiting): void {
    this.#single(path, signal).then(resolve, reject);
  }

  #single(path: SyncPath, signal: AbortSignal | undefined): Promise<Resource | null> {
    return this.#slots.run(async () => {
      const seen = await lookAt(this.#session, path, signal);
      return seen?.resource ?? null;
    });
  }

  /** What the listing does not show is looked at once more by itself: only that says that nothing is there. */
  async #lookTogether(directory: SyncPath, waiting: readonly Waiting[]): Promise<void> {
    const found = new Map<SyncPath, Resource>();
    const wanted = new Set(waiting.map(({ path }) => path));
    try {
      await this.#slots.run(async () => {
        const options = { depth: '1', signal: waiting[0]?.signal } as const;
        const { batches } = await list(this.#session, directory, options);
        let size = 0;
        for await (const batch of batches) {
          size += batch.length;
          for (const listed of batch)
            if ('resource' in listed && wanted.has(listed.resource.path))
              found.set(listed.resource.path, listed.resource);
        }
        this.#sizes.set(directory, size);
      });
    } catch {
      found.clear(); // each look by itself says what is wrong with its own path
    }
    for (const one of waiting) {
      const resource = found.get(one.path);
      if (resource) one.resolve(resource);
      else this.#lookAlone(one);
    }
  }
}
