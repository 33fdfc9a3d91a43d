import type { NodeStat } from '../../native/safe-root.ts';
import { DavError, errnoOf, toDavError } from '../dav-error.ts';
import { isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { hrefOf, parentOf } from '../request-path.ts';
import { dispose, isOnlyCopy, keptHeader } from '../storage/dispose.ts';
import { type Leftover, removeTree } from '../storage/remove-tree.ts';
import type { Stage } from '../storage/stage.ts';
import { takeMeant } from '../storage/swap.ts';
import type { Kept } from '../storage/version-store.ts';
import { multistatus, statusResponse } from '../xml/write.ts';
import { dropUpload, isOfUpload } from './resumed-put.ts';

/** Removes a file or a collection with all it holds; `Ferry-If-Empty: T` spares a collection that holds anything. */
export async function remove(exchange: Exchange, stage: Stage): Promise<void> {
  if (isOfUpload(exchange)) return dropUpload(exchange);
  const { site, path } = exchange;
  if (path === '') throw new DavError(403, 'the root cannot be removed');
  if (exchange.depth('infinity') !== 'infinity')
    throw new DavError(400, 'a collection is removed with all it holds: Depth is infinity');
  const changed: string[] = [parentOf(path)];
  const { kept, leftovers } = await site.turns.run([path], async () => {
    const current = await site.look(path);
    if (current === null) throw new DavError(404, `/${path}: nothing is there`);
    await exchange.check(current);
    exchange.requireUnlocked(path, { membership: true, tree: current.kind === 'directory' });
    if (current.kind === 'directory')
      return { kept: null, leftovers: await removeCollection(exchange, changed) };
    return { kept: await removeFile(exchange, stage, current), leftovers: [] };
  });
  site.changed(path, ...leftovers.map((leftover) => leftover.path));
  await forget(exchange, leftovers);
  await site.sync.directories(...changed, ...(kept?.changed ?? []));
  const [only] = leftovers;
  if (only === undefined) return exchange.send(204, keptHeader(kept));
  if (leftovers.length === 1 && only.path === path) throw toDavError(only.error, path, 'removing');
  exchange.sendXml(207, multistatus(leftovers.map(responseOf).join('')));
}

async function forget({ site, path }: Exchange, leftovers: readonly Leftover[]): Promise<void> {
  if (leftovers.length > 0) return;
  site.locks.forget(path);
  await site.properties.forget(path);
}

async function removeCollection(
  exchange: Exchange,
  changed: string[],
): Promise<readonly Leftover[]> {
  const { site, path } = exchange;
  if (exchange.header('ferry-if-empty')?.trim().toUpperCase() !== 'T')
    return await removeTree(site.root, path, {
      keepHidden: true,
      takeFile: async (file) => {
        const one = (await site.versions?.keep(file, file, isOnlyCopy(exchange))) ?? null;
        if (one === null) await site.root.removeFile(file);
        else changed.push(...one.changed);
      },
    });
  try {
    await site.root.removeDirectory(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST')
      throw new DavError(409, `/${path} is not empty`);
    throw error;
  }
  return [];
}

async function removeFile(
  exchange: Exchange,
  stage: Stage,
  expected: NodeStat,
): Promise<Kept | null> {
  const { site, path } = exchange;
  const { root } = site;
  if (!exchange.isStateBound && site.versions === null) {
    await root.removeFile(path);
    return null;
  }
  const taken = await takeMeant(root, stage, path, (found) =>
    exchange.isStateBound
      ? found === null || isSameContent(found, expected)
      : found?.kind !== 'directory',
  );
  if (taken !== null) return dispose(exchange, taken, path);
  throw new DavError(412, `/${path} was changed while it was removed; it is still there`);
}

function responseOf({ path, error }: Leftover): string {
  return statusResponse(hrefOf(path, false), toDavError(error, path, 'removing').status);
}
