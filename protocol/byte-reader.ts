/** Says that what came does not follow docs/protocol.md; nothing of the frame or instruction that it came in is used. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Takes so many bytes at a time out of a stream of pieces of any size. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** Returns the next `count` bytes; a view where they came in one piece. @throws FrameError when fewer are left */
  async take(count: number): Promise<Uint8Array> {
    while (this.#rest.length === 0 && count > 0) await this.#next();
    if (this.#rest.length >= count) return this.#cut(count);
    const taken = Buffer.allocUnsafeSlow(count);
    for (let at = 0; at < count; ) {
      if (this.#rest.length === 0) await this.#next();
      const piece = this.#cut(Math.min(count - at, this.#rest.length));
      taken.set(piece, at);
      at += piece.length;
    }
    return taken;
  }

  /** Returns what comes next, at least one byte and at most `count`. @throws FrameError when nothing is left */
  async takeSome(count: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) await this.#next();
    return this.#cut(Math.min(count, this.#rest.length));
  }

  async expectEnd(): Promise<void> {
    if (this.#rest.length > 0) throw new FrameError('something follows the end');
    const next = await this.#pieces.next();
    if (next.done !== true) throw new FrameError('something follows the end');
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #cut(count: number): Uint8Array {
    const cut = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return cut;
  }

  async #next(): Promise<void> {
    const next = await this.#pieces.next();
    if (next.done === true) throw new FrameError('it was cut off');
    this.#rest = next.value;
  }
}
