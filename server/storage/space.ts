import type { Clock } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { DavError } from '../dav-error.ts';

/** Free space is asked for at most this often. */
const SPACE_AGE_MS = 1000;
/** Below this free space nothing more is taken in, so that the server and its machine can go on. */
const RESERVE_BYTES = 1024 ** 3;
const RESERVE_PART = 0.05;

/** Room on the file system that holds the served tree. */
export interface Space {
  /** What uploads may take: the free space less the reserve. */
  readonly freeBytes: number;
  readonly usedBytes: number;
}

/** Returns the function that tells the room there is, at most a second old, or as it is now. */
export function spaceOf(
  root: SafeRoot,
  clock: Pick<Clock, 'now'>,
  reserveBytes: number | undefined,
): (isExact?: boolean) => Promise<Space> {
  let asked: Promise<Space> | null = null;
  let askedAtMs = 0;
  const ask = async (): Promise<Space> => {
    const { freeBytes, totalBytes } = await root.space();
    const reserve = reserveBytes ?? Math.min(RESERVE_BYTES, totalBytes * RESERVE_PART);
    return {
      freeBytes: Math.max(0, Math.floor(freeBytes - reserve)),
      usedBytes: totalBytes - freeBytes,
    };
  };
  return (isExact = false) => {
    const now = clock.now();
    if (isExact || asked === null || now - askedAtMs > SPACE_AGE_MS || now < askedAtMs) {
      askedAtMs = now;
      const asking = ask();
      asked = asking;
      asking.catch(() => {
        if (asked === asking) asked = null; // the next request asks again
      });
    }
    return asked;
  };
}

/** @throws DavError 507 when so many bytes would not leave the server's reserve */
export async function requireSpace(
  site: { space(isExact?: boolean): Promise<Space> },
  bytes: number,
  isExact = false,
): Promise<void> {
  const { freeBytes } = await site.space(isExact);
  if (freeBytes > bytes) return;
  const room = `there is room for ${freeBytes} bytes on the server`;
  throw new DavError(
    507,
    bytes === 0 ? `the server is full: ${room}` : `${bytes} bytes do not fit: ${room}`,
    {
      condition: 'sufficient-disk-space',
    },
  );
}
