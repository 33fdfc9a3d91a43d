import { FerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import { list, lookAt } from './listing.ts';
import type { Resource } from './resource.ts';
import type { Session } from './session.ts';
import { QUOTA_BODY, spaceIn } from './space.ts';

const ANY_STATUS = Array.from({ length: 400 }, (_, index) => 200 + index);

/** One trial's answer. */
export interface Trial {
  readonly status: number;
  readonly etag: string | undefined;
  readonly header: (name: string) => string | undefined;
  /** 2xx. */
  readonly isDone: boolean;
}

/** What a server says of itself. */
export interface Greeting {
  readonly server: string | null;
  readonly isCompanion: boolean;
  readonly extensions: readonly string[];
}

/** Tries requests, counts them, and never takes a refusal for a failure. */
export class ProbeDesk {
  readonly session: Session;
  readonly signal: AbortSignal | undefined;
  requests = 0;

  constructor(session: Session, signal: AbortSignal | undefined) {
    this.session = session;
    this.signal = signal;
  }

  /** Asks who is there, and what it says it can do beyond WebDAV; empty where it says nothing. */
  async greet(): Promise<Greeting> {
    this.requests += 2;
    const answer = await this.session.send(ROOT, {
      method: 'OPTIONS',
      isCollection: true,
      accept: [200, 204, 207, 403, 404, 405, 501],
      repeatable: true,
      signal: this.signal,
    });
    await answer.discard();
    const server = answer.header('server')?.slice(0, 200) ?? null;
    const extensions = answer.header('ferry');
    return {
      server,
      isCompanion: extensions !== undefined,
      extensions: extensions?.split(/[; ]+/) ?? [],
    };
  }

  /** Sends one request and returns its answer, whatever it is. */
  async try(
    method: string,
    path: SyncPath,
    headers: Readonly<Record<string, string>> = {},
    body?: string | Uint8Array | AsyncIterable<Uint8Array>,
  ): Promise<Trial> {
    this.requests += 1;
    const answer = await this.session.send(path, {
      method,
      headers,
      accept: ANY_STATUS,
      signal: this.signal,
      ...(body === undefined ? {} : { body }),
    });
    await answer.discard();
    if (answer.status === 401)
      throw new FerryError(
        'REMOTE_UNAUTHORIZED',
        'the server asks to sign in; check user and password',
      );
    return {
      status: answer.status,
      etag: answer.header('etag'),
      header: (name) => answer.header(name),
      isDone: answer.status >= 200 && answer.status < 300,
    };
  }

  /** Writes a file that later trials are made on. @throws REMOTE_PROTOCOL when it is refused */
  async put(path: SyncPath, content: string): Promise<Trial> {
    const trial = await this.try(
      'PUT',
      path,
      { 'content-type': 'application/octet-stream' },
      content,
    );
    if (trial.isDone) return trial;
    throw new FerryError(
      'REMOTE_PROTOCOL',
      `${path}: the server does not let a file be written (${trial.status}); it can only be read from`,
      { path },
    );
  }

  async look(path: SyncPath): Promise<Resource | null> {
    this.requests += 1;
    return (await lookAt(this.session, path, this.signal))?.resource ?? null;
  }

  /** Returns what a file holds; null when it cannot be read. */
  async content(path: SyncPath): Promise<string | null> {
    this.requests += 1;
    const answer = await this.session.send(path, {
      method: 'GET',
      accept: ANY_STATUS,
      signal: this.signal,
    });
    const text = await answer.text(64 * 1024);
    return answer.status === 200 ? text : null;
  }

  /** Returns the paths in a listing of that depth; null when the server does not give it. */
  async paths(path: SyncPath, depth: '1' | 'infinity'): Promise<ReadonlySet<SyncPath> | null> {
    this.requests += 1;
    const paths = new Set<SyncPath>();
    try {
      const listing = await list(this.session, path, { depth, signal: this.signal });
      for await (const batch of listing.batches)
        for (const listed of batch) if ('resource' in listed) paths.add(listed.resource.path);
      return paths;
    } catch (error) {
      if (error instanceof FerryError && error.code !== 'REMOTE_UNREACHABLE') return null;
      throw error;
    }
  }

  /** Returns how much room there is by RFC 4331; null when the server does not say. */
  async quota(path: SyncPath): Promise<number | null> {
    this.requests += 1;
    const answer = await this.session.send(path, {
      method: 'PROPFIND',
      isCollection: true,
      headers: { depth: '0', 'content-type': 'application/xml; charset=utf-8' },
      body: QUOTA_BODY,
      accept: ANY_STATUS,
      signal: this.signal,
    });
    return (await spaceIn(answer))?.freeBytes ?? null;
  }

  sleep(ms: number): Promise<void> {
    return this.session.clock.sleep(ms, this.signal);
  }

  /** Makes a directory for the trials and removes it with all that is in it. */
  async inTemporaryDirectory<T>(work: (directory: SyncPath) => Promise<T>): Promise<T> {
    const directory = this.session.temporaryPath(ROOT);
    this.requests += 2;
    await this.session.status(directory, {
      method: 'MKCOL',
      isCollection: true,
      accept: [200, 201],
      signal: this.signal,
    });
    try {
      return await work(directory);
    } finally {
      await this.session
        .status(directory, { method: 'DELETE', isCollection: true, accept: [200, 204, 404] })
        .catch((error: unknown) =>
          this.session.logger.warn('the directory of the probe could not be removed', {
            directory,
            error: String(error),
          }),
        );
    }
  }
}
