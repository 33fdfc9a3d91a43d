import { RECIPE_TYPE } from '../../protocol/recipe.ts';
import { DavError } from '../dav-error.ts';
import {
  checksumText,
  type Digest,
  parseChecksums,
  parseDigestField,
  verifying,
} from '../digests.ts';
import type { Exchange } from '../exchange.ts';
import { keepChecksums } from '../storage/kept-checksums.ts';
import { requireSpace } from '../storage/space.ts';
import type { Stage } from '../storage/stage.ts';
import { foresee, type Published, publishedHeaders, publishStaged } from './publish.ts';
import { putRecipe } from './recipe.ts';
import { isOfUpload, putPart } from './resumed-put.ts';
import { attributesOf } from './write-headers.ts';

/** A body up to this size is cheaper to take in than a look at the disk before it. */
const SMALL_BYTES = 64 * 1024;

/**
 * Stores a file: whole, made by a recipe, or the last part of an upload. It is staged, made durable, and published in one
 * step: until then nothing is visible. The answer comes after content and name are on the disk.
 */
export async function put(exchange: Exchange, stage: Stage): Promise<void> {
  if (exchange.hasTrailingSlash) throw new DavError(405, `/${exchange.path} names a collection`);
  const published = await store(exchange, stage);
  if (published === null) return;
  const hasTime = exchange.header('x-oc-mtime') !== undefined;
  exchange.send(published.created ? 201 : 204, {
    ...publishedHeaders(published),
    ...(hasTime ? { 'x-oc-mtime': 'accepted' } : {}),
  });
}

function store(exchange: Exchange, stage: Stage): Promise<Published | null> {
  if (isOfUpload(exchange)) return putPart(exchange);
  if (exchange.header('content-range') !== undefined)
    throw new DavError(400, 'a part of a file cannot be PUT; send the whole file');
  const isRecipe = exchange.header('content-type') === RECIPE_TYPE;
  return isRecipe ? putRecipe(exchange, stage) : putWhole(exchange, stage);
}

/** A body that was cut leaves nothing behind. */
async function putWhole(exchange: Exchange, stage: Stage): Promise<Published> {
  const attributes = attributesOf(exchange);
  const checksums = parseChecksums(exchange.header('oc-checksum'));
  const digests = [...checksums, ...announcedDigests(exchange)];
  const length = exchange.bodyLength;
  await requireSpace(exchange.site, length ?? 0);
  if (exchange.expectsContinue || length === null || length > SMALL_BYTES) await foresee(exchange);
  const staged = await stage.create();
  try {
    const received = await staged.fill(verifying(exchange.body(), digests));
    checkLength(exchange, received);
    const published = await publishStaged(exchange, staged, attributes);
    const { stat } = published;
    await keepChecksums(exchange.site, exchange.path, { stat, checksums: checksumText(checksums) });
    return published;
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** A body that was encoded for its way only would have two digests; this server stores what it is sent, so they are one. */
function announcedDigests(exchange: Exchange): readonly Digest[] {
  return ['Content-Digest', 'Repr-Digest'].flatMap((name) =>
    parseDigestField(name, exchange.header(name.toLowerCase())),
  );
}

function checkLength(exchange: Exchange, received: number): void {
  // macOS sends chunked bodies and announces their length here.
  const announced = exchange.bodyLength ?? exchange.header('x-expected-entity-length');
  if (announced !== undefined && Number(announced) !== received)
    throw new DavError(400, `the body has ${received} bytes instead of ${announced}`);
}
