/** How long a server may take; each a bound on silence or slowness, never on the size of a transfer. */
export interface Patience {
  readonly connectMs: number;
  /** From the last byte of a request to the end of the answer's head, however the head comes. */
  readonly answerMs: number;
  /** Without a byte of a body, in either direction, while this side waits for it. */
  readonly stallMs: number;
  /** A body that brings less than `slowBytes` while it was waited for so long is dribbled, not sent. */
  readonly slowMs: number;
  readonly slowBytes: number;
}

/** What is allowed to every server unless a test says otherwise. */
export const PATIENCE: Patience = {
  connectMs: 10_000,
  answerMs: 60_000,
  stallMs: 15_000,
  slowMs: 60_000,
  slowBytes: 4096,
};

/** An error that counts as a lost connection. */
export class OutOfPatience extends Error {
  override readonly name = 'OutOfPatience';
  readonly code = 'ETIMEDOUT';
}

/** One alarm that rings when what is waited for does not come. */
export class Watch {
  readonly #ring: (error: OutOfPatience) => void;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** `ring` is called once at most for each wait. */
  constructor(ring: (error: OutOfPatience) => void) {
    this.#ring = ring;
  }

  /** Begins to wait, instead of any wait before. */
  wait(ms: number, what: string): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => this.#ring(new OutOfPatience(what)), ms);
  }

  /** It came, or this side is busy itself. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Nothing will come any more. */
  end(): void {
    this.#isOver = true;
    this.rest();
  }
}

/** Yields the pieces of a request's body and watches that the connection takes them. */
export async function* watchedUpload(
  body: AsyncIterable<Uint8Array>,
  watch: Watch,
  patience: Patience,
): AsyncGenerator<Uint8Array, void, undefined> {
  watch.rest();
  for await (const chunk of body) {
    watch.wait(patience.stallMs, 'the connection takes no more bytes');
    yield chunk;
    watch.rest();
  }
  watch.wait(patience.answerMs, 'no answer came after the content was sent');
}

/** Yields the pieces of an answer's body and watches that they come, and fast enough to be meant. */
export async function* watchedDownload(
  body: AsyncIterable<Uint8Array>,
  watch: Watch,
  patience: Patience,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = body[Symbol.asyncIterator]();
  let waitedMs = 0;
  let bytes = 0;
  try {
    for (;;) {
      watch.wait(patience.stallMs, 'nothing more came');
      const begun = performance.now();
      const next = await chunks.next();
      watch.rest();
      if (next.done === true) return;
      waitedMs += performance.now() - begun;
      bytes += next.value.length;
      if (waitedMs >= patience.slowMs) {
        if (bytes < patience.slowBytes) throw new OutOfPatience('the answer only dribbles in');
        waitedMs = 0;
        bytes = 0;
      }
      yield next.value;
    }
  } finally {
    watch.rest();
    await chunks.return?.();
  }
}
