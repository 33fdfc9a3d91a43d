import type { FileEntry, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { WriteItem } from '../../core/ports.ts';
import { contentOfSize } from '../staged-content.ts';
import type { Answer } from './answer.ts';
import { changedError, errorOfStatus } from './http-errors.ts';
import type { ProbeResult } from './probe-result.ts';
import { setPropertiesIfKept } from './properties.ts';
import { fileEntryOf, opaqueTag, type Resource, storedMtimeText } from './resource.ts';
import { putResumable, RESUMABLE_BYTES } from './resumable-upload.ts';
import type { Session } from './session.ts';
import type { SharedLooks } from './shared-looks.ts';

/** Content up to here is read and verified before anything is sent, and may be sent again. */
const HELD_BYTES = 256 * 1024;
const STORED = [200, 201, 204];

/** Sends one item's content to `path`; 412 is returned, every other refusal thrown. */
export async function putContent(
  session: Session,
  probe: ProbeResult,
  item: WriteItem,
  target: {
    readonly path: SyncPath;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Answer> {
  const { path, headers, signal } = target;
  const isResumable = item.sizeBytes >= RESUMABLE_BYTES;
  if (isResumable && (await session.extensions.has('resume', signal)))
    return putResumable(session, item, {
      ...target,
      headers: { ...metadataHeaders(probe, item), ...headers },
    });
  const isHeld = item.sizeBytes <= HELD_BYTES;
  const content = contentOfSize(item, signal);
  const answer = await session.send(path, {
    method: 'PUT',
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': `${item.sizeBytes}`,
      ...metadataHeaders(probe, item),
      ...headers,
    },
    body: isHeld ? await collected(content) : content,
    accept: [...STORED, 412],
    signal,
  });
  return answer;
}

async function collected(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Returns the headers that give a written file its time and mode. */
export function metadataHeaders(probe: ProbeResult, item: WriteItem): Record<string, string> {
  return {
    ...(probe.setsMtime === 'no' || item.mtimeNs === undefined
      ? {}
      : { 'x-oc-mtime': secondsOf(item.mtimeNs, probe.setsMtime !== 'seconds') }),
    ...(probe.modes && item.mode !== undefined ? { 'ferry-mode': modeText(item.mode) } : {}),
  };
}

/** Returns a mode as the companion server takes it: octal with a leading zero. */
export function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

function secondsOf(mtimeNs: bigint, withFraction: boolean): string {
  const billion = 1_000_000_000n;
  const nanoseconds = ((mtimeNs % billion) + billion) % billion;
  const seconds = (mtimeNs - nanoseconds) / billion;
  return withFraction ? `${seconds}.${`${nanoseconds}`.padStart(9, '0')}` : `${seconds}`;
}

/** Returns the entry that a PUT's answer tells all about, which spares a look; null when something is missing. */
export function entryInAnswer(
  probe: ProbeResult,
  item: WriteItem,
  answer: Answer,
): FileEntry | null {
  const version = versionInAnswer(probe, answer);
  const identity = answer.header('oc-fileid');
  const isAllKnown =
    probe.companion &&
    version !== null &&
    identity !== undefined &&
    answer.header('x-oc-mtime') === 'accepted';
  const { path, sizeBytes, mtimeNs, mode } = item;
  if (!isAllKnown || mtimeNs === undefined || mode === undefined) return null;
  const keptNs = probe.setsMtime === 'nanoseconds' ? mtimeNs : (mtimeNs / 1000n) * 1000n;
  return { path, kind: 'file', version, identity, sizeBytes, mtimeNs: keptNs, mode: mode & 0o777 };
}

/** The version that a PUT's answer names, where the server was proven to name the lasting one. */
function versionInAnswer(probe: ProbeResult, answer: Answer): Version | null {
  const etag = answer.header('etag');
  if (!probe.etagOfPut || etag === undefined || etag.startsWith('W/')) return null;
  const opaque = opaqueTag(etag);
  return opaque === null ? null : (`e:${opaque}` as Version);
}

/**
 * Looks at what was just written to `path`, gives it its time where that takes a property, and returns its state.
 * @throws CHANGED when it is not what was sent
 */
export async function describeWritten(
  session: Session,
  probe: ProbeResult,
  item: WriteItem,
  written: {
    readonly path: SyncPath;
    /** The PUT's answer, where its ETag shall be what is listed. */
    readonly answered: Answer | null;
    readonly looks: SharedLooks;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Resource> {
  const { path, answered, looks, signal } = written;
  const version = answered === null ? null : versionInAnswer(probe, answered);
  const resource = await looks.at(path, signal);
  if (resource === null) throw changedError(item.path, 'it was removed while it was written');
  const isOurs =
    !resource.isCollection &&
    resource.sizeBytes === item.sizeBytes &&
    (version === null || resource.version === version);
  if (!isOurs) throw changedError(item.path, 'it was replaced while it was written');
  if (item.mtimeNs === undefined || probe.setsMtime !== 'no' || !probe.deadProperties)
    return resource;
  const storedMtime = storedMtimeText(item.mtimeNs, resource.version, resource.sizeBytes);
  const isKept = await setPropertiesIfKept(session, path, { mtime: storedMtime }, signal);
  return isKept ? { ...resource, storedMtime } : resource;
}

/** Returns the entry of a written file under its final path. */
export function writtenEntry(resource: Resource, path: SyncPath): FileEntry {
  return fileEntryOf({ ...resource, path });
}

/** Removes an upload that is not needed anymore; what cannot be removed is swept by the next run. */
export async function dropUpload(session: Session, path: SyncPath): Promise<void> {
  try {
    await session.status(path, { method: 'DELETE', accept: [200, 204, 404, 409] });
  } catch (error) {
    session.logger.debug('an upload stays until the next run', { path, error: String(error) });
  }
}

/** Throws the error of a refused PUT to a temporary name: nothing can be there, so its directory must be gone. */
export function refuseUpload(session: Session, item: WriteItem, status: number): never {
  const url = session.addresses.urlOf(item.path).href;
  throw errorOfStatus(status, { method: 'PUT', url, path: item.path });
}
