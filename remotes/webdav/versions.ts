import { FerryError } from '../../core/model/errors.ts';
import { isValidName, parseSyncPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import { holdsOnlyCopies, runFolderTime } from '../../core/model/version-folder.ts';
import type { Content, Displacement, StoredVersion, VersionShelf } from '../../core/ports.ts';
import type { Answer } from './answer.ts';
import { linesOf } from './fingerprints.ts';
import { protocolError } from './http-errors.ts';
import type { Session } from './session.ts';

/** Media type in which the companion server lists what it keeps; see docs/server.md. */
const VERSIONS_TYPE = 'application/vnd.ferry.versions';
const BATCH = 500;

/** What the companion server keeps of what was replaced or removed there. */
export class WebdavVersions implements VersionShelf {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async *list(
    path: SyncPath,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<readonly StoredVersion[]> {
    const session = this.#session;
    const answer = await session.send(path, {
      method: 'GET',
      headers: { accept: VERSIONS_TYPE },
      accept: [200, 404, 405, 406],
      repeatable: true,
      signal,
    });
    // An earlier server sends the file, or what it has for a collection.
    if (answer.status !== 200 || answer.header('content-type') !== VERSIONS_TYPE) {
      await answer.discard();
      return;
    }
    const context = { method: 'GET', url: session.addresses.urlOf(path).href, path };
    const incomplete = () => protocolError(context, 'the list of versions is not complete');
    let lines = 0;
    let end: number | null = null;
    let batch: StoredVersion[] = [];
    for await (const line of linesOf(answer.body, context)) {
      const value = parseLine(line);
      if (end !== null || value === null) throw incomplete();
      if (typeof value === 'number') {
        end = value;
        continue;
      }
      lines++;
      const version = versionOf(path, value);
      if (version) batch.push(version);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (end !== lines) throw incomplete();
    if (batch.length > 0) yield batch;
  }

  async find(path: SyncPath, id: string): Promise<StoredVersion | null> {
    const answer = await this.#session.send(path, {
      method: 'HEAD',
      headers: { 'ferry-version': id },
      accept: [200, 404],
      repeatable: true,
    });
    await answer.discard();
    const [size, mtimeNs] = [answer.header('content-length'), answer.header('ferry-mtime')];
    // Only the version that was asked for: an earlier server tells of what is there now.
    const isIt = answer.status === 200 && answer.header('ferry-version') === id;
    if (!isIt || size === undefined || mtimeNs === undefined) return null;
    const line = parseLine(JSON.stringify([id, '', Number(size), mtimeNs, holdsOnlyCopies(id)]));
    return Array.isArray(line) ? versionOf(path, line as unknown as Line) : null;
  }

  async read(
    { id, path, sizeBytes }: StoredVersion,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Content> {
    const answer = await this.#session.send(path, {
      method: 'GET',
      headers: { 'ferry-version': id },
      accept: [200, 404],
      repeatable: true,
      signal,
    });
    // Only the version that was asked for: an earlier server sends what is there now.
    const isIt = answer.status === 200 && answer.header('ferry-version') === id;
    if (isIt && Number(answer.header('content-length')) === sizeBytes)
      return { sizeBytes, stream: answer.body };
    await answer.discard();
    throw new FerryError('LOCAL_NOT_FOUND', `${path}: its version ${id} is not kept any more`, {
      path,
    });
  }

  /** The server removes old versions itself. */
  async prune(): Promise<{ readonly versions: number; readonly bytes: number }> {
    return { versions: 0, bytes: 0 };
  }
}

type Line = readonly [
  id: string,
  below: string,
  sizeBytes: number,
  mtimeNs: string,
  isOnlyCopy: boolean,
];

function parseLine(line: string): Line | number | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value === 'number') return value;
  if (!Array.isArray(value) || value.length !== 5) return null;
  const [id, below, sizeBytes, mtimeNs, isOnlyCopy] = value as unknown[];
  const isLine =
    typeof id === 'string' &&
    typeof below === 'string' &&
    Number.isSafeInteger(sizeBytes) &&
    typeof mtimeNs === 'string' &&
    /^-?\d{1,20}$/.test(mtimeNs) &&
    typeof isOnlyCopy === 'boolean';
  return isLine ? (value as unknown as Line) : null;
}

/** Names that no path may have, or that are not NFC, are no entries of ours. */
function versionOf(
  path: SyncPath,
  [id, below, sizeBytes, mtimeNs, isOnlyCopy]: Line,
): StoredVersion | null {
  const names = below === '' ? [] : below.split('/');
  const isUsable = names.every((name) => isValidName(name) && name === name.normalize('NFC'));
  const keptAtMs = runFolderTime(id);
  if (!isUsable || Number.isNaN(keptAtMs)) return null;
  const own = [path, ...names].filter((part) => part !== ROOT).join('/');
  return {
    path: parseSyncPath(own),
    id,
    kind: 'file',
    keptAtMs,
    sizeBytes,
    mtimeNs: BigInt(mtimeNs),
    cause: null,
    run: null,
    isOnlyCopy,
  };
}

/** Returns the headers that tell the server about what gives way. */
export function displacementHeaders(
  displacement: Displacement | undefined,
): Readonly<Record<string, string>> {
  return displacement?.isOnlyCopy ? { 'ferry-only-copy': 'T' } : {};
}

/** Passes on under which name the server keeps what gave way. */
export function noteKept(answer: Answer, displacement: Displacement | undefined): void {
  const id = answer.header('ferry-kept');
  if (id !== null && id !== undefined) displacement?.onKept?.(id);
}
