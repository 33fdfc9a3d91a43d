import { ROOT } from '../../core/model/path.ts';
import type { Space } from '../../core/ports.ts';
import type { Answer } from './answer.ts';
import { parseMultistatus } from './multistatus.ts';
import type { Session } from './session.ts';

/** Asks for the properties of RFC 4331. */
export const QUOTA_BODY =
  '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop><d:quota-available-bytes/><d:quota-used-bytes/></d:prop></d:propfind>';

/** Asks how much room there is for the account; null: the server does not say. @throws REMOTE_* */
export async function readSpace(
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Space | null> {
  const answer = await session.send(ROOT, {
    method: 'PROPFIND',
    isCollection: true,
    headers: { depth: '0', 'content-type': 'application/xml; charset=utf-8' },
    body: QUOTA_BODY,
    accept: [200, 207, 400, 403, 404, 405, 501],
    repeatable: true,
    signal,
  });
  return spaceIn(answer);
}

/** Returns the room that an answer to `QUOTA_BODY` tells of. */
export async function spaceIn(answer: Answer): Promise<Space | null> {
  if (answer.status !== 207) {
    await answer.discard();
    return null;
  }
  let space: Space | null = null;
  for await (const responses of parseMultistatus(answer.body))
    for (const { properties } of responses) {
      const freeBytes = bytesOf(properties.get('{DAV:}quota-available-bytes')?.text);
      const usedBytes = bytesOf(properties.get('{DAV:}quota-used-bytes')?.text);
      if (freeBytes !== null) space ??= { freeBytes, usedBytes };
    }
  return space;
}

/** Nextcloud says -1 to -3 for "not known" and "unlimited". */
function bytesOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : null;
}
