import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { protocolError } from './http-errors.ts';
import { MultistatusError, parseMultistatus } from './multistatus.ts';
import { FERRY_NAMESPACE } from './resource.ts';
import type { Session } from './session.ts';

/** Ferry's properties of one resource; only letters, digits and what needs no escaping is put into them. */
export interface FerryProperties {
  readonly mtime?: string;
  readonly mode?: string;
}

/** Sets properties of ours on a resource. @throws REMOTE_PROTOCOL when the server does not keep them */
export async function setProperties(
  session: Session,
  path: SyncPath,
  properties: FerryProperties,
  signal?: AbortSignal,
): Promise<void> {
  const elements = Object.entries(properties).map(
    ([name, value]) => `<f:${name}>${escaped(String(value))}</f:${name}>`,
  );
  const answer = await session.send(path, {
    method: 'PROPPATCH',
    headers: { 'content-type': 'application/xml; charset=utf-8' },
    body: `<?xml version="1.0" encoding="utf-8"?><d:propertyupdate xmlns:d="DAV:" xmlns:f="${FERRY_NAMESPACE}"><d:set><d:prop>${elements.join('')}</d:prop></d:set></d:propertyupdate>`,
    accept: [207],
    repeatable: true,
    signal,
  });
  const url = session.addresses.urlOf(path).href;
  const context = { method: 'PROPPATCH', url, path };
  try {
    for await (const responses of parseMultistatus(answer.body))
      for (const { status, propertyStatuses } of responses) {
        const refused = [status ?? 200, ...propertyStatuses].find((code) => code >= 300);
        if (refused !== undefined)
          throw protocolError(context, `the server does not keep the property (${refused})`);
      }
  } catch (error) {
    if (error instanceof MultistatusError) throw protocolError(context, error.message, error);
    throw error;
  }
}

/**
 * Sets properties of ours where the server keeps them, and tells whether it did: Apache has no place for those of a
 * file with a very long name. That is no reason to fail what was written.
 */
export async function setPropertiesIfKept(
  session: Session,
  path: SyncPath,
  properties: FerryProperties,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await setProperties(session, path, properties, signal);
    return true;
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'REMOTE_PROTOCOL') throw error;
    session.logger.debug('the server does not keep the time', { path, reason: error.message });
    return false;
  }
}

/** Tells whether the server keeps a property of ours at `path`. */
export async function keepsProperties(session: Session, path: SyncPath): Promise<boolean> {
  try {
    await setProperties(session, path, { mtime: '1' });
    return true;
  } catch (error) {
    if (error instanceof FerryError && error.code !== 'REMOTE_UNREACHABLE') return false;
    throw error;
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
