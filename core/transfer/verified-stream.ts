import { Blake3Hasher, blake3 } from '@napi-rs/blake-hash';
import { hashEach } from '../../native/index.ts';
import type { ContentHash } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';

/** Returns the BLAKE3-256 of one piece. */
export function hashOf(content: Uint8Array): ContentHash {
  return blake3(asBuffer(content)).toString('hex') as ContentHash;
}

/** Returns the BLAKE3-256 of each piece; cheaper than one after the other, and other work goes on meanwhile. */
export async function hashesOf(contents: readonly Uint8Array[]): Promise<readonly ContentHash[]> {
  return (await hashEach(contents)) as readonly ContentHash[];
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk)
    ? chunk
    : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

export interface VerifyOptions {
  readonly path: SyncPath;
  readonly sizeBytes: number;
  /** When known, the content must have it. */
  readonly hash?: ContentHash;
  /** The content's beginning, where the source only gives what follows it. */
  readonly kept?: AsyncIterable<Uint8Array>;
  /** Called with the number of bytes of each piece. */
  readonly onBytes?: (count: number) => void;
}

/**
 * Returns the hash of a whole content that was read at once; `found` when somebody has computed it already.
 * @throws REMOTE_PROTOCOL when length or hash are not those announced
 */
export function verifiedHash(
  content: Uint8Array,
  announced: Omit<VerifyOptions, 'onBytes'>,
  found: ContentHash = hashOf(content),
): ContentHash {
  requireAnnounced(announced, content.byteLength, found);
  return found;
}

function requireAnnounced(
  { path, sizeBytes, hash }: Omit<VerifyOptions, 'onBytes'>,
  length: number,
  found: ContentHash,
): void {
  if (length !== sizeBytes)
    throw new FerryError(
      'REMOTE_PROTOCOL',
      `${path}: ${sizeBytes} bytes were announced, ${length > sizeBytes ? 'more' : `only ${length}`} came`,
      { path },
    );
  if (hash !== undefined && hash !== found)
    throw new FerryError('REMOTE_PROTOCOL', `${path}: the content is not the one announced`, {
      path,
    });
}

/** A stream that is hashed and counted while it is read. */
export class VerifiedStream implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #options: VerifyOptions;
  #hash: ContentHash | undefined;

  constructor(source: AsyncIterable<Uint8Array>, options: VerifyOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** The hash of the whole content; undefined until the end was reached. */
  get hash(): ContentHash | undefined {
    return this.#hash;
  }

  /**
   * Yields the source's pieces, after it has read what is kept of the content.
   * @throws REMOTE_PROTOCOL at the end (or as soon as it is too long) when length or hash are not those announced
   */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const { path, sizeBytes, hash, kept, onBytes } = this.#options;
    const hasher = new Blake3Hasher();
    let length = 0;
    for await (const chunk of kept ?? []) {
      length += chunk.byteLength;
      hasher.update(asBuffer(chunk));
    }
    for await (const chunk of this.#source) {
      length += chunk.byteLength;
      if (length > sizeBytes) break;
      hasher.update(asBuffer(chunk));
      onBytes?.(chunk.byteLength);
      yield chunk;
    }
    const found = hasher.digest('hex') as ContentHash;
    requireAnnounced({ path, sizeBytes, ...(hash === undefined ? {} : { hash }) }, length, found);
    this.#hash = found;
  }
}

/** Reads a stream to its end and returns its hash; errors as VerifiedStream. */
export async function hashStream(
  source: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
): Promise<ContentHash> {
  const verified = new VerifiedStream(source, options);
  for await (const _ of verified);
  return verified.hash as ContentHash;
}
