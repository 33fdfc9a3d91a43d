import type { Addon, NativeHasher } from './addon.ts';
import type { ContentHasher, ContentOptions } from './content.ts';

/** Below this the way to another thread and back costs more than the hashing. */
const POOLED_BYTES = 256 * 1024;

/** A ContentHasher on the addon. */
export class PooledHasher implements ContentHasher {
  readonly #addon: Addon;
  /** For the addon's other calls. */
  readonly native: NativeHasher;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.native = addon.newHasher();
  }

  update(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length >= POOLED_BYTES)
      return this.#addon.updateHasher(this.native, bytes).then(() => undefined);
    this.#addon.updateHasherNow(this.native, bytes);
    return undefined;
  }

  digest(): string {
    return this.#addon.finishHasher(this.native).toString('hex');
  }
}

/** Runs a call that looks at a flag from time to time and ends when it is set; the flag is set by the signal. */
export async function withCancel<T>(
  { signal }: ContentOptions,
  call: (cancel: Uint8Array) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = new Uint8Array(1);
  const stop = (): void => {
    cancel[0] = 1;
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call(cancel);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
