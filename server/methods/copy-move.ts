import type { NodeStat } from '../../native/safe-root.ts';
import { DavError, errnoOf } from '../dav-error.ts';
import { etagOf } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { isBelow, parentOf, type ResourcePath } from '../request-path.ts';
import type { Site } from '../site.ts';
import { stageCopy } from '../storage/copy-tree.ts';
import { dispose } from '../storage/dispose.ts';
import { carryChecksums } from '../storage/kept-checksums.ts';
import { removeTree } from '../storage/remove-tree.ts';
import type { Stage } from '../storage/stage.ts';
import { isAsExpected, swapExpected } from '../storage/swap.ts';

/** What COPY and MOVE have settled before anything changes. */
interface Transfer {
  readonly exchange: Exchange;
  readonly stage: Stage;
  readonly from: ResourcePath;
  readonly to: ResourcePath;
  readonly source: NodeStat;
  /** What the transfer replaces. */
  readonly target: NodeStat | null;
}

/** Renames a file or a whole collection; what was at the destination is replaced in the same step. */
export async function move(exchange: Exchange, stage: Stage): Promise<void> {
  if (exchange.depth('infinity') !== 'infinity')
    throw new DavError(400, 'a collection is moved with all it holds: Depth is infinity');
  await transfer(exchange, stage, async (settled) => {
    const { site } = exchange;
    const { from, to } = settled;
    const changed = await (isSimple(settled) ? renameOver(settled) : renameChecked(settled));
    site.changed(from, to);
    site.locks.forget(from);
    await site.properties.move(from, to);
    await site.sync.directories(parentOf(to), parentOf(from), ...changed);
  });
}

/** Copies a file or collection: made in the stage, then published in one step, so that no half copy is ever seen. */
export async function copy(exchange: Exchange, stage: Stage): Promise<void> {
  const depth = exchange.depth('infinity');
  if (depth === '1') throw new DavError(400, 'Depth of COPY is 0 or infinity');
  await transfer(exchange, stage, async (settled) => {
    const { site } = exchange;
    const staged = await stageCopy(site.root, stage, settled.from, depth);
    let changed: readonly string[];
    try {
      await site.sync.everything();
      changed = await publishCopy(settled, staged);
    } finally {
      await removeTree(site.root, staged);
    }
    site.changed(settled.to);
    await site.properties.copy(settled.from, settled.to, depth);
    if (settled.source.kind === 'file') {
      const stat = await site.look(settled.to);
      await carryChecksums(
        site,
        { path: settled.from, stat: settled.source },
        { path: settled.to, stat },
      );
    }
    await site.sync.directories(parentOf(settled.to), ...changed);
  });
}

async function transfer(
  exchange: Exchange,
  stage: Stage,
  change: (settled: Transfer) => Promise<void>,
): Promise<void> {
  const { site, path: from } = exchange;
  const to = exchange.destination();
  refuseImpossible(from, to, exchange.method);
  const overwrite = overwriteOf(exchange);
  const { target, result } = await site.turns.run([from, to], async () => {
    const settled = await settle(exchange, stage, to, overwrite);
    await change(settled);
    if (settled.target !== null) site.locks.forget(to);
    return { target: settled.target, result: await site.look(to) };
  });
  const headers = result?.kind === 'file' ? { etag: etagOf(result) } : {};
  exchange.send(target === null ? 201 : 204, headers);
}

function refuseImpossible(from: ResourcePath, to: ResourcePath, method: string): void {
  if (from === to) throw new DavError(403, 'source and destination are the same');
  if (to === '' || isBelow(from, to))
    throw new DavError(403, `/${from} lies in the destination, which it would replace`);
  if (isBelow(to, from)) throw new DavError(403, `/${from} cannot go into itself`);
  if (from === '' && method === 'MOVE') throw new DavError(403, 'the root cannot be moved');
}

function overwriteOf(exchange: Exchange): boolean {
  const header = exchange.header('overwrite')?.trim().toUpperCase() ?? 'T';
  if (header === 'T' || header === 'F') return header === 'T';
  throw new DavError(400, 'Overwrite is T or F');
}

async function settle(
  exchange: Exchange,
  stage: Stage,
  to: ResourcePath,
  overwrite: boolean,
): Promise<Transfer> {
  const { site, path: from, method } = exchange;
  const [source, target] = await Promise.all([site.look(from), site.look(to)]);
  if (source === null) throw new DavError(404, `/${from}: nothing is there`);
  await exchange.check(source);
  if (target !== null && !overwrite)
    throw new DavError(412, `/${to} exists, and Overwrite: F forbids to replace it`);
  if (target === null && (await site.look(parentOf(to)))?.kind !== 'directory')
    throw new DavError(409, `/${to} cannot be made: its parent collection does not exist`);
  if (method === 'MOVE')
    exchange.requireUnlocked(from, { membership: true, tree: source.kind === 'directory' });
  exchange.requireUnlocked(to, { membership: target === null, tree: target?.kind === 'directory' });
  return { exchange, stage, from, to, source, target };
}

/** Tells whether one rename does it all: nothing is replaced but at most a file by a file, in whatever state. */
function isSimple({ exchange, source, target }: Transfer): boolean {
  if (exchange.isStateBound || (target !== null && exchange.site.versions !== null)) return false;
  return target === null || (source.kind === 'file' && target.kind === 'file');
}

async function renameOver({ exchange, from, to, target }: Transfer): Promise<readonly string[]> {
  const mode = target === null ? 'no-replace' : 'replace';
  await renameOrRefuse(exchange.site, from, to, mode);
  return [];
}

/** Renames, looks at what was moved and displaced, and takes it back when either is not what the request meant. */
async function renameChecked(settled: Transfer): Promise<readonly string[]> {
  const { exchange, stage, from, to, source, target } = settled;
  const { root } = exchange.site;
  const mode = target === null ? 'no-replace' : 'exchange';
  await renameOrRefuse(exchange.site, from, to, mode);
  const [moved, displaced] = await Promise.all([root.stat(to), root.stat(from)]);
  if (!isAsExpected(moved, source) || (target !== null && !isAsExpected(displaced, target))) {
    await root.rename(to, from, mode);
    throw new DavError(412, `/${from} or /${to} was changed meanwhile; nothing was moved`);
  }
  if (target === null) return [];
  const trash = stage.freshPath();
  await root.rename(from, trash, 'no-replace');
  return (await dispose(exchange, trash, to))?.changed ?? [];
}

async function publishCopy(settled: Transfer, staged: string): Promise<readonly string[]> {
  const { exchange, to, target } = settled;
  const { root } = exchange.site;
  if (target === null) {
    await renameOrRefuse(exchange.site, staged, to, 'no-replace');
    return [];
  }
  if (await swapExpected(root, staged, to, target))
    return (await dispose(exchange, staged, to))?.changed ?? [];
  throw new DavError(412, `/${to} was changed meanwhile; nothing was copied`);
}

async function renameOrRefuse(
  site: Site,
  from: string,
  to: ResourcePath,
  mode: 'replace' | 'no-replace' | 'exchange',
): Promise<void> {
  try {
    await site.root.rename(from, to, mode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw new DavError(
      412,
      `/${to} is taken by something that appeared meanwhile or is not shared`,
    );
  }
}
