import { FerryError, throwIfAborted, toFerryError } from '../core/model/errors.ts';
import type { WriteItem } from '../core/ports.ts';

/**
 * Yields an item's content, and throws unless it is exactly as long as announced. The last bytes are held back until
 * the source has ended well: a receiver that counts to the announced length never gets there with wrong content.
 * @throws CHANGED when the length differs, and whatever the source throws
 */
export async function* contentOfSize(
  item: WriteItem,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let heldBack: Uint8Array | undefined;
  let length = 0;
  for await (const chunk of opened(item, signal)) {
    throwIfAborted(signal);
    if (chunk.length === 0) continue;
    length += chunk.length;
    if (length > item.sizeBytes) break;
    if (heldBack !== undefined) yield heldBack;
    heldBack = chunk;
  }
  throwIfAborted(signal);
  if (length !== item.sizeBytes)
    throw new FerryError(
      'CHANGED',
      `${item.path}: its content is not the ${item.sizeBytes} bytes that were announced; it changed while it was read`,
      { path: item.path },
    );
  if (heldBack !== undefined) yield heldBack;
}

/** A source's own failure stays recognisable on its way through a request. */
async function* opened(
  item: WriteItem,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* await item.open(signal);
  } catch (error) {
    throw toFerryError(error, item.path);
  }
}
