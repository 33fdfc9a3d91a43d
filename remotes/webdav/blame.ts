import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import { lookAt } from './listing.ts';
import type { Session } from './session.ts';

/** What was found out about the server holds for all that fails within this time. */
const HOLDS_MS = 1_000;

interface Finding {
  readonly atMs: number;
  /** Why the server as a whole cannot be used; null: it can. */
  readonly error: Promise<FerryError | null>;
}

/**
 * Tells a server that is away from one that only fails for one path: a folder whose storage is away, a file that
 * something on the way cuts off each time. The first ends a run, the other is one problem.
 */
export class Blame {
  readonly #session: Session;
  #finding: Finding | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Returns the error to report for `path`: where it looks as if the server was away, the root is asked for. */
  async of(path: SyncPath, error: unknown, signal?: AbortSignal): Promise<unknown> {
    if (!(error instanceof FerryError) || error.code !== 'REMOTE_UNREACHABLE') return error;
    if (path === ROOT || error.retry === 'never') return error;
    throwIfAborted(signal);
    const ofServer = await this.#find();
    if (ofServer !== null) return ofServer;
    return new FerryError('REMOTE_UNAVAILABLE', error.message, { path, cause: error });
  }

  /** Runs `work` and throws what is to blame when it fails. */
  async during<T>(
    path: SyncPath,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.of(path, error, signal);
    }
  }

  #find(): Promise<FerryError | null> {
    const now = this.#session.clock.now();
    if (this.#finding !== null && now - this.#finding.atMs < HOLDS_MS) return this.#finding.error;
    const error = this.#ask();
    this.#finding = { atMs: now, error };
    return error;
  }

  async #ask(): Promise<FerryError | null> {
    try {
      await lookAt(this.#session, ROOT);
      return null;
    } catch (error) {
      const found = toFerryError(error);
      if (found.code === 'REMOTE_UNREACHABLE') this.#session.http.lost();
      return found;
    }
  }
}
