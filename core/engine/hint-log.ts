import { merge, type Observable, tap } from 'rxjs';
import type { Side } from '../model/entry.ts';
import { ROOT, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';

/** More paths than these are not worth to be looked at one by one. */
const MAX_PATHS = 500;
const SIDES = ['local', 'remote'] as const;

/** What was hinted at on each side since a run began to look; null: everything is to be looked at. */
export type Hinted = Readonly<Record<Side, ReadonlySet<SyncPath> | null>>;

export const HINTED_NOWHERE: Hinted = { local: null, remote: null };

/** Gathers the hints of both sides. They may be incomplete, so whoever goes by them looks at everything from time to time. */
export class HintLog {
  readonly #replicas: Readonly<Record<Side, Replica>>;
  #paths: Record<Side, Set<SyncPath> | null> = { local: null, remote: null };

  constructor(replicas: Readonly<Record<Side, Replica>>) {
    this.#replicas = replicas;
  }

  /** Emits every hint, noted. */
  get hints$(): Observable<SyncPath> {
    const noted = (side: Side): Observable<SyncPath> =>
      this.#replicas[side].changes$.pipe(tap((path) => this.#note(side, path)));
    return merge(noted('local'), noted('remote'));
  }

  /** Returns what was hinted at, and begins anew: for a run that is about to look. */
  take(): Hinted {
    const taken = this.#paths;
    const isPartial = (side: Side): boolean => this.#replicas[side].observesParts === true;
    this.#paths = {
      local: isPartial('local') ? new Set() : null,
      remote: isPartial('remote') ? new Set() : null,
    };
    return taken;
  }

  /** The run that took the hints has not done what they asked for: the next one looks at everything. */
  giveBack(): void {
    for (const side of SIDES) this.#paths[side] = null;
  }

  #note(side: Side, path: SyncPath): void {
    const paths = this.#paths[side];
    if (paths === null) return;
    paths.add(path);
    if (path === ROOT || paths.size > MAX_PATHS) this.#paths[side] = null;
  }
}
