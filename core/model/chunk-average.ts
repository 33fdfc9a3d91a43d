/** An edit costs one to two chunks, and a list has 16 bytes for each: this keeps it below 0.6 % of the content. */
const SMALLEST_AVERAGE_BYTES = 2688;
/** The list of no content is longer than about 16 MiB. */
const MAX_CHUNKS = 1024 * 1024;

/** Returns how long the chunks of a content of that size are on average; both sides cut by it. */
export function chunkAverageFor(sizeBytes: number): number {
  let averageBytes = SMALLEST_AVERAGE_BYTES;
  while (sizeBytes / averageBytes > MAX_CHUNKS) averageBytes *= 2;
  return averageBytes;
}
