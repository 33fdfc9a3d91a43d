import { Observable, share } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import { isPrivateName, parseSyncPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import { linesOf } from './fingerprints.ts';
import type { RequestContext } from './http-errors.ts';
import type { Session } from './session.ts';

/** Media type in which the companion server tells of changes as they happen; see docs/protocol.md. */
const EVENTS_TYPE = 'text/event-stream';
/** The server says something at least every 20 seconds; a proxy that keeps all of it back is no use. */
const SILENCE_MS = 60_000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** Where there are no events, or the sign-in was refused, asking again soon would change nothing. */
const REFUSED_RETRY_MS = 600_000;

/**
 * Returns hints of what changes on the companion server, while someone is subscribed. A lost connection is made again,
 * later each time; with each one comes a hint at the root, for what was not heard in between. Where there are no events
 * nothing comes, and whoever wants to know has to ask. Does not error.
 */
export function serverEvents(session: Session): Observable<SyncPath> {
  return new Observable<SyncPath>((subscriber) => {
    const stop = new AbortController();
    const listener = new Listener(session, stop.signal, (path) => subscriber.next(path));
    listener.run().catch((error: unknown) => {
      if (!stop.signal.aborted)
        session.logger.warn('the server is not listened to any more', { error: String(error) });
    });
    return () => stop.abort();
  }).pipe(share());
}

class Listener {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #hint: (path: SyncPath) => void;
  #failures = 0;

  constructor(session: Session, signal: AbortSignal, hint: (path: SyncPath) => void) {
    this.#session = session;
    this.#signal = signal;
    this.#hint = hint;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const waitMs = await this.#listen();
      if (this.#signal.aborted) return;
      await this.#session.clock.sleep(waitMs, this.#signal);
    }
  }

  /** Listens as long as the connection lasts, and returns when to try again. */
  async #listen(): Promise<number> {
    const { logger } = this.#session;
    try {
      if (!(await this.#session.extensions.has('events', this.#signal))) return REFUSED_RETRY_MS;
      if (!(await this.#hear())) return REFUSED_RETRY_MS;
    } catch (error) {
      if (this.#signal.aborted) return 0;
      logger.debug('the connection for hints ended', { error: String(error) });
      if (error instanceof FerryError && error.code === 'REMOTE_UNAUTHORIZED')
        return REFUSED_RETRY_MS;
    }
    this.#failures++;
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    return waitMs * (0.5 + Math.random() / 2);
  }

  /** Returns false when the server has no events after all. */
  async #hear(): Promise<boolean> {
    const answer = await this.#session.send(ROOT, {
      method: 'GET',
      isCollection: true,
      headers: { accept: EVENTS_TYPE },
      accept: [200, 404, 405, 406],
      patience: { stallMs: SILENCE_MS, slowMs: Number.POSITIVE_INFINITY },
      signal: this.#signal,
    });
    const type = answer.header('content-type')?.split(';')[0];
    if (answer.status !== 200 || type !== EVENTS_TYPE) {
      await answer.discard();
      return false;
    }
    const url = this.#session.addresses.urlOf(ROOT, true).href;
    const context: RequestContext = { method: 'GET', url, path: ROOT };
    let isListening = false;
    for await (const line of linesOf(answer.body, context)) {
      if (!isListening) this.#hint(ROOT);
      isListening = true;
      this.#failures = 0;
      if (line.startsWith('data:')) this.#take(line.slice('data:'.length));
    }
    return true;
  }

  #take(data: string): void {
    for (const path of pathsIn(data)) this.#hint(path);
  }
}

/** Returns the paths of an event; the root for what is not understood: something has changed. */
function pathsIn(data: string): readonly SyncPath[] {
  try {
    const { paths } = JSON.parse(data) as { readonly paths: unknown };
    if (!Array.isArray(paths)) return [ROOT];
    return paths
      .map((path) => parseSyncPath(String(path)))
      .filter((path) => !path.split('/').some(isPrivateName));
  } catch {
    return [ROOT];
  }
}
