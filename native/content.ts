/** Options of work that goes through a whole file. */
export interface ContentOptions {
  readonly signal?: AbortSignal;
}

/** A part of an open file. */
export interface FileRange {
  readonly fd: number;
  readonly offset: number;
}

/** The hash of a content that comes in parts; one call at a time. */
export interface ContentHasher {
  /**
   * Takes in the next bytes. Large ones are hashed by the thread pool: then it returns a promise, and the bytes must
   * stay as they are, and nothing else be asked of the hasher, until that settles.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** The hash of what came so far, as 64 lower-case hexadecimal digits. */
  digest(): string;
}

/** Chunks are shorter than four times the average, and their lengths must fit 32 bits. */
const MIN_AVERAGE_BYTES = 256;
const MAX_AVERAGE_BYTES = 64 * 1024 * 1024;

/** @throws RangeError */
export function parseAverage(averageBytes: number): number {
  const isInRange = averageBytes >= MIN_AVERAGE_BYTES && averageBytes <= MAX_AVERAGE_BYTES;
  if (Number.isInteger(averageBytes) && isInRange) return averageBytes;
  throw new RangeError(`chunks of ${averageBytes} bytes on average cannot be made`);
}
