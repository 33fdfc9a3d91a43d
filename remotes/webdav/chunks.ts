import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import type { ContentHash } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { CHUNKS_TYPE } from '../../protocol/recipe.ts';
import type { Answer } from './answer.ts';
import { changedError, protocolError, type RequestContext } from './http-errors.ts';
import { etagOf, versionFrom } from './resource.ts';
import type { Session } from './session.ts';

const ENTRY_BYTES = 16;
/** No file's list is longer than this. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const REFUSED = [400, 403, 405, 406, 415, 501];

/**
 * Returns the chunks that the companion server cuts a file into; null where it does not tell.
 * @throws CHANGED when the file is another version by now, REMOTE_PROTOCOL when the answer is no list
 */
export async function readChunks(
  session: Session,
  path: SyncPath,
  { averageBytes, expected, signal }: ChunkOptions,
): Promise<ChunkList | null> {
  const etag = etagOf(expected);
  if (etag === null || !(await session.extensions.has('chunks', signal))) return null;
  const answer = await session.send(path, {
    method: 'GET',
    headers: {
      accept: CHUNKS_TYPE,
      'if-match': etag,
      ...(averageBytes === undefined ? {} : { 'ferry-chunk-bytes': `${averageBytes}` }),
    },
    accept: [200, 404, 410, 412, ...REFUSED],
    repeatable: true,
    signal,
  });
  if (answer.status === 200 && answer.header('content-type') === CHUNKS_TYPE)
    return await listIn(
      answer,
      path,
      { method: 'GET', url: session.addresses.urlOf(path).href, path },
      expected,
    );
  await answer.discard();
  if (![200, ...REFUSED].includes(answer.status))
    throw changedError(path, 'it is another version by now, or gone');
  session.extensions.refuse('chunks');
  return null;
}

async function listIn(
  answer: Answer,
  path: SyncPath,
  context: RequestContext,
  expected: string,
): Promise<ChunkList> {
  const hash = answer.header('ferry-hash') ?? '';
  const averageBytes = Number(answer.header('ferry-chunk-bytes'));
  const isOfVersion = versionFrom(answer.header('etag'), null, 0) === expected;
  const isDescribed = /^[0-9a-f]{64}$/.test(hash) && averageBytes >= 1;
  if (!isOfVersion || !isDescribed) {
    await answer.body[Symbol.asyncIterator]().return?.();
    if (!isOfVersion) throw changedError(path, 'it is another version by now');
    throw protocolError(context, 'the list of chunks does not say what it is of');
  }
  const chunks = await collected(answer, context);
  const sizeBytes = sumOfLengths(chunks);
  return { hash: hash as ContentHash, sizeBytes, averageBytes, chunks };
}

async function collected(answer: Answer, context: RequestContext): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of answer.body) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_LIST_BYTES) throw protocolError(context, 'the list of chunks is far too long');
  }
  if (length % ENTRY_BYTES !== 0) throw protocolError(context, 'the list of chunks was cut off');
  return Buffer.concat(pieces);
}

function sumOfLengths(chunks: Uint8Array): number {
  const bytes = new DataView(chunks.buffer, chunks.byteOffset, chunks.byteLength);
  let sum = 0;
  for (let at = 0; at < chunks.length; at += ENTRY_BYTES) sum += bytes.getUint32(at);
  return sum;
}
