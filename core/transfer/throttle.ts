import type { Clock } from '../ports.ts';
import { steadyTime } from '../steady-time.ts';

/** Holds streams back so that together they stay below a rate. */
export interface Throttle {
  /** What may come at once: groups of files are read in parts of this size, or file by file. */
  readonly burstBytes: number;
  limit(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Waits until so many bytes, which have come already, are within the rate. */
  spend(bytes: number, signal?: AbortSignal): Promise<void>;
}

const LONGEST_BURST_MS = 250;

/** Returns a throttle of `bytesPerS`; bursts are a quarter of a second long at most. */
export function createThrottle(bytesPerS: number, clock: Clock): Throttle {
  const steadyMs = steadyTime(() => clock.now());
  let freeAtMs = 0;
  const spend = async (bytes: number, signal?: AbortSignal): Promise<void> => {
    const now = steadyMs();
    freeAtMs = Math.max(freeAtMs, now) + (bytes * 1000) / bytesPerS;
    const wait = freeAtMs - now - LONGEST_BURST_MS;
    if (wait > 0) await clock.sleep(wait, signal);
  };
  return {
    burstBytes: (bytesPerS * LONGEST_BURST_MS) / 1000,
    spend,
    async *limit(source, signal) {
      for await (const chunk of source) {
        await spend(chunk.byteLength, signal);
        yield chunk;
      }
    },
  };
}
