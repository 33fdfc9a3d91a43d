import type { Side } from '../../core/model/entry.ts';
import { isFileText, type Picture } from './picture.ts';

/**
 * Knows every content that a user has made, and which of them a user has given up: overwritten or removed, on a side
 * that held it. What nobody gave up must stay visible, whatever happens.
 */
export class Oracle {
  readonly #authored = new Set<string>();
  readonly #repeated = new Set<string>();
  readonly #released: Record<Side, Set<string>> = { local: new Set(), remote: new Set() };

  /** A user has made this content. */
  author(text: string): void {
    if (this.#authored.has(text)) this.#repeated.add(text);
    this.#authored.add(text);
    this.#released.local.delete(text);
    this.#released.remote.delete(text);
  }

  /** A user has overwritten or removed this content on that side. */
  release(text: string, side: Side): void {
    this.#released[side].add(text);
  }

  /** A content that was gone from that side is back there; whoever gave it up on the other side still has. */
  comeBack(text: string, side: Side): void {
    this.#repeated.add(text);
    this.#released[side].delete(text);
  }

  /** Tells whether a user has made the same content more than once. */
  wasRepeated(text: string): boolean {
    return this.#repeated.has(text);
  }

  isAuthored(text: string): boolean {
    return this.#authored.has(text);
  }

  wasReleasedOn(side: Side, text: string): boolean {
    return this.#released[side].has(text);
  }

  /** Contents that nobody gave up. */
  *live(): Iterable<string> {
    for (const text of this.#authored)
      if (!this.#released.local.has(text) && !this.#released.remote.has(text)) yield text;
  }

  /** Returns what is live and in none of the pictures. */
  missingFrom(...pictures: readonly Picture[]): string[] {
    const seen = new Set<string>();
    for (const picture of pictures)
      for (const drawn of picture.values()) if (isFileText(drawn)) seen.add(drawn);
    return [...this.live()].filter((text) => !seen.has(text));
  }
}
