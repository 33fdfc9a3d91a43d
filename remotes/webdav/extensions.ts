/** The protocol's version that this client speaks; see docs/protocol.md. */
const VERSION = '1';

/** What a server may be able to do besides WebDAV. */
export type Extension = 'batch' | 'batch-get' | 'feed' | 'events' | 'recipe' | 'chunks' | 'resume';

/**
 * What the companion server says it can do, as of its latest answer that says so. That comes with the first look of
 * each run; it is asked for only where an answer did not say it. What a probe found once is not enough: the server
 * may have been replaced since, by an earlier or a later one.
 */
export class Extensions {
  readonly #isCompanion: boolean;
  readonly #ask: (signal: AbortSignal | undefined) => Promise<void>;
  readonly #refused = new Set<Extension>();
  #names: ReadonlySet<string> | null = null;
  #asking: Promise<void> | null = null;

  /** `ask` sends a request whose answer is noted here. */
  constructor(isCompanion: boolean, ask: (signal: AbortSignal | undefined) => Promise<void>) {
    this.#isCompanion = isCompanion;
    this.#ask = ask;
  }

  /** Takes note of the `Ferry` header of an answer; undefined: it had none. */
  note(header: string | undefined): void {
    if (header === undefined) return;
    const [version = '', ...names] = header.split(/[; ]+/);
    this.#names = new Set(version === VERSION ? names : []);
  }

  /** Tells whether the server offers `name` and nothing on the way refused it so far. */
  async has(name: Extension, signal?: AbortSignal): Promise<boolean> {
    if (!this.#isCompanion || this.#refused.has(name)) return false;
    if (this.#names === null) await this.#learn(signal);
    return this.#names?.has(name) ?? false;
  }

  /** Does without `name` from now on: something on the way does not let it through. */
  refuse(name: Extension): void {
    this.#refused.add(name);
  }

  /** One question for all that want to know. */
  async #learn(signal: AbortSignal | undefined): Promise<void> {
    this.#asking ??= this.#ask(signal).finally(() => {
      this.#asking = null;
    });
    await this.#asking;
    this.#names ??= new Set();
  }
}
