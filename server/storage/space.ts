import { DavError } from '../dav-error.ts';
import type { Site } from '../site.ts';

/** Below this free space nothing more is taken in, so that the server itself can go on. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** @throws DavError 507 when so many bytes would leave less than the server's own reserve */
export async function requireSpace(site: Pick<Site, 'space'>, bytes: number): Promise<void> {
  const { freeBytes, totalBytes } = await site.space();
  if (freeBytes - bytes > Math.min(RESERVE_BYTES, totalBytes / 100)) return;
  throw new DavError(507, `${bytes} bytes do not fit: ${freeBytes} bytes are free on the server`, {
    condition: 'sufficient-disk-space',
  });
}
