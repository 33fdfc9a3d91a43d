import type { OutgoingHttpHeaders } from 'node:http';
import type { NodeStat } from '../../native/safe-root.ts';
import { DavError, errnoOf, toDavError } from '../dav-error.ts';
import { etagOf, fileIdOf, isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { parentOf, type ResourcePath } from '../request-path.ts';
import { dispose, keptHeader } from '../storage/dispose.ts';
import { DEFAULT_MODE, type StagedFile } from '../storage/stage.ts';
import { swapExpected, swapFile } from '../storage/swap.ts';
import type { Kept } from '../storage/version-store.ts';

/** Programs other than this server may win the race for a name so often before the request gives up. */
const MAX_TRIES = 5;

/** A staged file that has its name now. */
export interface Published {
  readonly stat: NodeStat;
  readonly created: boolean;
  /** What was there before. */
  readonly kept: Kept | null;
}

/** What a staged file becomes. */
export interface Publication {
  /** Undefined: as the file before, or as new files are. */
  readonly mode?: number | undefined;
  readonly mtimeNs?: bigint | undefined;
  /** The state of the file that the staged one was made of: it replaces no other. */
  readonly basis?: NodeStat;
}

/** Tells a client before it sends a large body what would refuse it afterwards. */
export async function foresee(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  const current = await site.look(path);
  if (current?.kind === 'directory') throw isCollection(path);
  await exchange.check(current);
  exchange.requireUnlocked(path, { membership: current === null });
  if (current === null && (await site.look(parentOf(path)))?.kind !== 'directory')
    throw noParent(path);
}

/**
 * Makes the staged file durable and gives it the name that the request is about, in one step, when its conditions and
 * locks allow it; returns after the name is on the disk too.
 * @throws DavError 403, 405, 409, 412, 423; the caller then discards the staged file
 */
export async function publishStaged(
  exchange: Exchange,
  staged: StagedFile,
  { mode, mtimeNs, basis }: Publication,
): Promise<Published> {
  const { site, path } = exchange;
  const isBound = exchange.isStateBound || basis !== undefined;
  await staged.flush();
  await staged.describe(mode, mtimeNs);
  await site.sync.file(staged.fd);
  const published = await site.turns.run([path], async () => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const current = await site.look(path);
      if (current?.kind === 'directory') throw isCollection(path);
      await exchange.check(current);
      if (basis !== undefined && (current === null || !isSameContent(current, basis)))
        throw new DavError(409, `/${path} was changed meanwhile; nothing was stored`);
      if (current !== null && mode === undefined) await keepMode(staged, current);
      // No await between this check and the rename's start: a lock granted later does not cover this write.
      exchange.requireUnlocked(path, { membership: current === null });
      if (await publish(exchange, staged.path, current, isBound))
        // Asked of the descriptor: the ETag is that of these bytes, whatever happens to the name from here on.
        return { stat: await site.root.statDescriptor(staged.fd), created: current === null };
    }
    throw new DavError(409, `/${path} could not be stored: something else keeps changing it`);
  });
  await staged.seal();
  site.changed(path);
  if (published.created) await site.properties.forget(path);
  // A swap left the displaced file in the stage; a plain rename left nothing.
  const wasSwapped = swaps(exchange, isBound) && !published.created;
  const kept = wasSwapped ? await dispose(exchange, staged.path, path) : null;
  await site.sync.directories(parentOf(path), ...(kept?.changed ?? []));
  return { ...published, kept };
}

/** Headers of an answer that tell what the file is now, and what became of the one before. */
export function publishedHeaders({ stat, kept }: Published): OutgoingHttpHeaders {
  return { etag: etagOf(stat), 'oc-fileid': fileIdOf(stat), ...keptHeader(kept) };
}

async function keepMode(staged: StagedFile, current: NodeStat): Promise<void> {
  const mode = current.mode & 0o777;
  if (mode !== DEFAULT_MODE) await staged.describe(mode, undefined);
}

/** A request without a condition replaces whatever is there; it is only exchanged where that is kept, and in one step. */
function swaps({ site }: Exchange, isBound: boolean): boolean {
  return isBound || (site.versions !== null && site.root.backend === 'native');
}

/** Gives the staged file its name; false when another program got in between, and everything is as before. */
async function publish(
  exchange: Exchange,
  staged: string,
  current: NodeStat | null,
  isBound: boolean,
): Promise<boolean> {
  const { site, path } = exchange;
  const { root } = site;
  try {
    if (current === null) {
      await root.rename(staged, path, 'no-replace');
    } else if (isBound) {
      return await swapExpected(root, staged, path, current); // the displaced file goes with the stage
    } else if (swaps(exchange, isBound)) {
      return await swapFile(root, staged, path);
    } else {
      await root.rename(staged, path, 'replace');
    }
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      if (current !== null) return false;
      throw noParent(path);
    }
    if (errno !== 'EEXIST') throw toDavError(error, path, 'storing');
    if ((await site.look(path)) !== null) return false;
    throw new DavError(403, `/${path} is taken by something that is not shared, such as a link`);
  }
}

function noParent(path: ResourcePath): DavError {
  return new DavError(409, `/${path} cannot be stored: its parent collection does not exist`);
}

function isCollection(path: ResourcePath): DavError {
  return new DavError(405, `/${path} is a collection and cannot be replaced by a file`);
}
