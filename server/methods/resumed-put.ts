import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { requireSpace } from '../storage/space.ts';
import type { StagedFile } from '../storage/stage.ts';
import type { HeldUpload, UploadKey, Uploads } from '../storage/uploads.ts';
import { foresee, type Published, publishStaged } from './publish.ts';
import { attributesOf } from './write-headers.ts';

const RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/;
const ID = /^[0-9A-Za-z]{1,64}$/;
const HASH = /^[0-9a-f]{64}$/;

/** Bytes `first` up to, but not including, `end` of a content of `total`. */
interface Part {
  readonly first: number;
  readonly end: number;
  readonly total: number;
}

/** Tells whether the request is about an upload that may come in several parts. */
export function isOfUpload(exchange: Exchange): boolean {
  return exchange.header('ferry-upload') !== undefined;
}

/**
 * Adds a part to an upload. Returns the published file when that makes it complete; null when more is to come: then the
 * answer was sent.
 * @throws DavError 409 when the part does not begin where the upload ends, 422 when the whole has another hash; then,
 *   as after every other refusal of the whole, nothing is kept
 */
export async function putPart(exchange: Exchange): Promise<Published | null> {
  const uploads = uploadsOf(exchange);
  const part = partOf(exchange);
  const attributes = attributesOf(exchange);
  requestedHash(exchange);
  await requireSpace(exchange.site, part.total - part.first);
  await foresee(exchange);
  const upload = await uploads.hold(keyOf(exchange), () => exchange.request.destroy());
  try {
    if (upload.sizeBytes !== part.first) throw misfit(upload.sizeBytes);
    const file = await upload.open();
    try {
      await file.fill(bounded(exchange.body(), part));
    } catch (error) {
      await file.seal();
      throw error;
    }
    if (file.position < part.total) {
      await file.seal();
      exchange.send(202, { 'upload-offset': file.position });
      return null;
    }
    const whole = await complete(upload, file);
    try {
      await checkHash(exchange, upload, whole);
      return await publishStaged(exchange, whole, attributes);
    } catch (error) {
      await whole.discard();
      throw error;
    }
  } finally {
    upload.release();
  }
}

/** Tells how much is kept of an upload. */
export async function lookAtUpload(exchange: Exchange): Promise<void> {
  const offset = await uploadsOf(exchange).sizeOf(keyOf(exchange));
  if (offset === null) throw nothingKept();
  exchange.send(200, { 'upload-offset': offset, 'cache-control': 'no-store' });
}

/** Drops what is kept of an upload. */
export async function dropUpload(exchange: Exchange): Promise<void> {
  if (!(await uploadsOf(exchange).drop(keyOf(exchange)))) throw nothingKept();
  exchange.send(204);
}

function uploadsOf({ site }: Exchange): Uploads {
  if (site.uploads === null) throw nothingKept();
  return site.uploads;
}

function nothingKept(): DavError {
  return new DavError(404, 'nothing is kept of this upload');
}

function keyOf(exchange: Exchange): UploadKey {
  const id = exchange.header('ferry-upload') ?? '';
  if (!ID.test(id)) throw new DavError(400, 'Ferry-Upload is 1 to 64 letters and digits');
  const { path, principal, site } = exchange;
  return { user: principal, path: site.prefix === '' ? path : `${site.prefix}/${path}`, id };
}

function partOf(exchange: Exchange): Part {
  const found = RANGE.exec(exchange.header('content-range') ?? '');
  const [first = 0, last = -1, total = 0] = found?.slice(1).map(Number) ?? [];
  if (found === null || last < first || last >= total)
    throw new DavError(400, 'a part of an upload needs Content-Range: bytes FIRST-LAST/TOTAL');
  const { bodyLength } = exchange;
  if (bodyLength !== null && bodyLength !== last - first + 1)
    throw new DavError(400, `the body has ${bodyLength} bytes instead of ${last - first + 1}`);
  return { first, end: last + 1, total };
}

/** Passes on the bytes of the part, and refuses what comes after them, or their lack. */
async function* bounded(
  body: AsyncIterable<Uint8Array>,
  { first, end }: Part,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = first;
  for await (const chunk of body) {
    if (at + chunk.length > end) throw new DavError(400, 'the body is longer than its range');
    at += chunk.length;
    yield chunk;
  }
  if (at < end) throw new DavError(400, 'the body is shorter than its range');
}

function misfit(sizeBytes: number): DavError {
  return new DavError(409, `the upload goes on at byte ${sizeBytes}`, {
    headers: { 'upload-offset': `${sizeBytes}` },
  });
}

async function complete(upload: HeldUpload, file: StagedFile): Promise<StagedFile> {
  try {
    return await upload.complete(file);
  } catch (error) {
    await file.seal();
    throw error;
  }
}

function requestedHash(exchange: Exchange): string | null {
  const hash = exchange.header('ferry-hash')?.trim();
  if (hash === undefined) return null;
  if (!HASH.test(hash)) throw new DavError(400, 'Ferry-Hash is 64 hexadecimal digits');
  return hash;
}

/** What was kept before the server started may lack bytes that a power cut took: only the hash tells. */
async function checkHash(
  exchange: Exchange,
  upload: HeldUpload,
  { path }: StagedFile,
): Promise<void> {
  const wanted = requestedHash(exchange);
  if (wanted === null) {
    if (upload.isOfThisRun) return;
    throw new DavError(
      422,
      'the server was restarted meanwhile, and no Ferry-Hash tells whether all is there',
    );
  }
  const { hash } = await exchange.site.root.hashFile(path);
  if (hash !== wanted) throw new DavError(422, 'the upload has another hash');
}
