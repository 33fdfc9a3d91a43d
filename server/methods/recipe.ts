import { constants } from 'node:fs';
import type { NodeStat } from '../../native/safe-root.ts';
import { FrameError } from '../../protocol/byte-reader.ts';
import { type RecipeStep, readRecipe } from '../../protocol/recipe.ts';
import { DavError, errnoOf } from '../dav-error.ts';
import { isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { requireSpace } from '../storage/space.ts';
import { closeAsync, type Stage, type StagedFile } from '../storage/stage.ts';
import { foresee, type Published, publishStaged } from './publish.ts';
import { attributesOf } from './write-headers.ts';

/** Between two steps of this size a request notices that its client has gone, or that the disk is full. */
const STEP_BYTES = 64 * 1024 * 1024;

/** The state that the recipe is made for, open as long as it is followed. */
interface Present {
  readonly fd: number;
  readonly stat: NodeStat;
}

/**
 * Makes a file's new state out of its present one and of new bytes, as the body says, and publishes it as PUT does when
 * it has the length and the hash that the recipe ends with.
 * @throws DavError 412 when the file is in another state, 422 when the result is another one, 428 without If-Match
 */
export async function putRecipe(exchange: Exchange, stage: Stage): Promise<Published> {
  const { site, path } = exchange;
  if (!/"/.test(exchange.header('if-match') ?? ''))
    throw new DavError(428, 'a recipe needs If-Match with the ETag of the state it is made for');
  const attributes = attributesOf(exchange);
  await requireSpace(site, announcedLength(exchange) ?? 0);
  await foresee(exchange);
  const present = await openPresent(exchange);
  try {
    const staged = await stage.create();
    try {
      await follow(exchange, present, staged);
      if (!isSameContent(await site.root.statDescriptor(present.fd), present.stat))
        throw new DavError(412, `/${path} changed while the recipe was followed`);
      return await publishStaged(exchange, staged, { ...attributes, basis: present.stat });
    } catch (error) {
      await staged.discard();
      throw error instanceof FrameError ? new DavError(400, `the recipe: ${error.message}`) : error;
    }
  } finally {
    await closeAsync(present.fd);
  }
}

async function openPresent(exchange: Exchange): Promise<Present> {
  const { path, site } = exchange;
  const fd = await site.root.open(path, constants.O_RDONLY).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') throw new DavError(412, `/${path}: nothing is there`);
    throw error;
  });
  try {
    const stat = await site.root.statDescriptor(fd);
    if (stat.kind !== 'file') throw new DavError(405, `/${path} is no file`);
    await exchange.check(stat);
    return { fd, stat };
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

/** Some clients say how long the result will be: then nothing longer is begun. */
function announcedLength(exchange: Exchange): number | null {
  const header = exchange.header('x-expected-entity-length');
  if (header === undefined) return null;
  if (!/^\d{1,15}$/.test(header)) throw new DavError(400, 'a length is a number of bytes');
  return Number(header);
}

/** Follows the recipe to its end. @throws DavError 400, 422, 507; FrameError */
async function follow(exchange: Exchange, present: Present, staged: StagedFile): Promise<void> {
  const { site } = exchange;
  const hasher = site.root.createHasher();
  const longest = announcedLength(exchange) ?? Number.POSITIVE_INFINITY;
  let roomFor = 0;
  const makeRoom = async (length: number): Promise<void> => {
    const end = staged.position + length;
    if (end > longest) throw new DavError(422, `the result is longer than ${longest} bytes`);
    if (end <= roomFor) return;
    await requireSpace(site, end - staged.position + STEP_BYTES);
    roomFor = end + STEP_BYTES;
  };
  for await (const step of readRecipe(exchange.body())) {
    if (step.kind === 'end') return checkResult(step, staged, hasher.digest());
    if (step.kind === 'data') {
      await makeRoom(step.bytes.length);
      await hasher.update(step.bytes);
      await staged.append(step.bytes);
      continue;
    }
    const end = step.offset + step.length;
    if (end > present.stat.sizeBytes)
      throw new DavError(422, `the present state has no bytes up to ${end}`);
    for (let at = step.offset; at < end; ) {
      const length = Math.min(STEP_BYTES, end - at);
      await makeRoom(length);
      if (exchange.request.socket.destroyed) throw new DavError(499, 'the client has gone');
      const copied = await staged.copy({ fd: present.fd, offset: at }, length, hasher);
      if (copied < length) throw new DavError(412, `/${exchange.path} became shorter meanwhile`);
      at += copied;
    }
  }
}

function checkResult(
  end: RecipeStep & { readonly kind: 'end' },
  { position }: StagedFile,
  hash: string,
): void {
  if (position !== end.sizeBytes)
    throw new DavError(422, `the result has ${position} bytes instead of ${end.sizeBytes}`);
  if (hash !== end.hash) throw new DavError(422, 'the result has another hash');
}
