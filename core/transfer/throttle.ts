import type { Clock } from '../ports.ts';

/** Holds streams back so that together they stay below a rate. */
export interface Throttle {
  limit(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

const LONGEST_BURST_MS = 250;

/** Returns a throttle of `bytesPerS`; bursts are a quarter of a second long at most. */
export function createThrottle(bytesPerS: number, clock: Clock): Throttle {
  let freeAtMs = 0;
  return {
    async *limit(source, signal) {
      for await (const chunk of source) {
        const now = clock.now();
        freeAtMs = Math.max(freeAtMs, now) + (chunk.byteLength * 1000) / bytesPerS;
        const wait = freeAtMs - now - LONGEST_BURST_MS;
        if (wait > 0) await clock.sleep(wait, signal);
        yield chunk;
      }
    },
  };
}
