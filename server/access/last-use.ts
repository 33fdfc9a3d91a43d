import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Logger } from '../../core/ports.ts';

const HOUR_MS = 3600_000;
const WRITE_AFTER_MS = 2000;

/** When tokens were last used, by their ids, in ms; to the hour. */
export type LastUses = ReadonlyMap<string, number>;

/** Returns where last uses are kept: beside the access file, as only the server writes them and only people that file. */
export function lastUseFile(accessFile: string): string {
  return `${accessFile}.used`;
}

/** Returns what is known of last uses; nothing where there is no file, or a damaged one: it is for information only. */
export async function readLastUses(accessFile: string): Promise<LastUses> {
  try {
    const value: unknown = JSON.parse(await readFile(lastUseFile(accessFile), 'utf8'));
    const entries = Object.entries(value as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, number] => Number.isFinite(entry[1])));
  } catch {
    return new Map();
  }
}

/** Notes when tokens are used: coarsely, so that it costs a write an hour and tells little about anybody. */
export class LastUse {
  readonly #file: string;
  readonly #logger: Logger;
  readonly #uses: Map<string, number>;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(accessFile: string, uses: LastUses, logger: Logger) {
    this.#file = lastUseFile(accessFile);
    this.#uses = new Map(uses);
    this.#logger = logger;
  }

  static async open(accessFile: string, logger: Logger): Promise<LastUse> {
    return new LastUse(accessFile, await readLastUses(accessFile), logger);
  }

  note(tokenId: string, nowMs: number): void {
    const hour = nowMs - (nowMs % HOUR_MS);
    if (this.#uses.get(tokenId) === hour) return;
    this.#uses.set(tokenId, hour);
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS).unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) this.#write();
    await this.#writing;
  }

  #write(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#replace());
  }

  async #replace(): Promise<void> {
    const fresh = `${this.#file}.new`;
    try {
      await writeFile(fresh, `${JSON.stringify(Object.fromEntries(this.#uses))}\n`, {
        mode: 0o600,
      });
      await rename(fresh, this.#file);
    } catch (error) {
      this.#logger.warn('the last use of app tokens cannot be kept', { error: String(error) });
    }
  }
}
