import {
  childPath,
  parseSyncPath,
  ROOT,
  type SyncPath,
  TEMPORARY_PREFIX,
} from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { Addresses } from './addresses.ts';
import type { Answer } from './answer.ts';
import { Extensions } from './extensions.ts';
import type { Http, RequestOptions } from './http.ts';

/** One request about a path; its address follows from the path. */
export interface PathRequest extends Omit<RequestOptions, 'url' | 'path' | 'signal'> {
  readonly isCollection?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What all parts of one open remote share. */
export class Session {
  readonly http: Http;
  readonly addresses: Addresses;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly entryBudget: number | undefined;
  /** Names this device to the server. */
  readonly ownerId: string;
  /** What the server can do beyond WebDAV. */
  readonly extensions: Extensions;
  readonly #temporaryStem: string;
  #temporaries = 0;

  constructor(parts: {
    readonly http: Http;
    readonly addresses: Addresses;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly ownerId: string;
    readonly entryBudget?: number | undefined;
    /** The server was seen to be Ferry's own. */
    readonly isCompanion?: boolean;
  }) {
    this.extensions = new Extensions(parts.isCompanion ?? false, (signal) => this.#greet(signal));
    this.http = noting(parts.http, this.extensions);
    this.addresses = parts.addresses;
    this.clock = parts.clock;
    this.logger = parts.logger;
    this.entryBudget = parts.entryBudget;
    this.ownerId = parts.ownerId;
    this.#temporaryStem = temporaryStem(parts.ownerId);
  }

  /** Sends a request about `path`. */
  send(path: SyncPath, options: PathRequest): Promise<Answer> {
    const { isCollection = false, signal, ...rest } = options;
    const url = this.addresses.urlOf(path, isCollection);
    return this.http.send({ ...rest, url, path, ...(signal === undefined ? {} : { signal }) });
  }

  /** Sends a request about `path` of whose answer only the status matters. */
  async status(path: SyncPath, options: PathRequest): Promise<number> {
    const answer = await this.send(path, options);
    await answer.discard();
    return answer.status;
  }

  async #greet(signal: AbortSignal | undefined): Promise<void> {
    await this.status(ROOT, {
      method: 'OPTIONS',
      isCollection: true,
      accept: [200, 204, 403, 404, 405, 501],
      repeatable: true,
      signal,
    });
  }

  /** Returns a name in `directory` that nobody else uses: it says whose it is, when it was made and a number. */
  temporaryPath(directory: SyncPath): SyncPath {
    this.#temporaries += 1;
    const stamp = this.clock.now().toString(36);
    return childPath(directory, `${this.#temporaryStem}${stamp}.${this.#temporaries}`);
  }

  /** Tells whether `name` was made by `temporaryPath`, in this run or an earlier one of the same owner. */
  isOwnTemporary(name: string): boolean {
    return (
      name.startsWith(this.#temporaryStem) &&
      /^[0-9a-z]+\.\d+$/.test(name.slice(this.#temporaryStem.length))
    );
  }
}

/** Sends as `http` does; what the server says in any answer that it can do is noted. */
function noting(http: Http, extensions: Extensions): Http {
  return {
    send: async (options) => {
      const answer = await http.send(options);
      extensions.note(answer.header('ferry'));
      return answer;
    },
    get isFar() {
      return http.isFar;
    },
    lost: () => http.lost(),
    close: () => http.close(),
  };
}

/** Uploads are told from what else begins with the prefix (the engine's parked entries) by the `up` in them. */
function temporaryStem(ownerId: string): string {
  return parseSyncPath(`${TEMPORARY_PREFIX}${ownerId.replaceAll(/[^\w-]/g, '_')}-up-`);
}
