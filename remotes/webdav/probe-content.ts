import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { ProbeDesk } from './probe-desk.ts';
import type { ProbeResult } from './probe-result.ts';
import { keepsProperties } from './properties.ts';
import { opaqueTag } from './resource.ts';

type At = (name: string) => SyncPath;

/** What was found out about contents, versions and times. */
export type ContentAbilities = Pick<
  ProbeResult,
  | 'atomicPut'
  | 'etags'
  | 'versions'
  | 'etagOfPut'
  | 'setsMtime'
  | 'deadProperties'
  | 'fileIds'
  | 'ranges'
>;

const OLD_TIME_S = 1_500_000_000;
/** Longer than an ETag stays weak, and than a version of whole seconds stays ambiguous. */
const SETTLED_MS = 2_100;

/** Tries how contents are kept and how their states are told apart. */
export async function probeContent(desk: ProbeDesk, at: At): Promise<ContentAbilities> {
  const path = at('content');
  const written = await desk.put(path, 'aaaa');
  const first = await desk.look(path);
  // Two writes may fall into two seconds, three at this pace do not.
  const versions = new Set([first?.version]);
  for (const content of ['bbbb', 'cccc']) {
    await desk.put(path, content);
    versions.add((await desk.look(path))?.version);
  }
  const isTagged = first?.version.startsWith('e:') === true;
  const isExact = isTagged && versions.size === 3;
  const { etag } = written;
  const isLasting = etag !== undefined && !etag.startsWith('W/');
  return rest(desk, at, {
    versions: isExact ? 'exact' : 'seconds',
    etags: isTagged ? 'strong' : 'none',
    etagOfPut: isExact && isLasting && `e:${opaqueTag(etag)}` === first.version,
  });
}

async function rest(
  desk: ProbeDesk,
  at: At,
  known: Pick<ContentAbilities, 'versions' | 'etags' | 'etagOfPut'>,
): Promise<ContentAbilities> {
  const path = at('content');
  const etags = known.etags === 'none' ? 'none' : await weakness(desk, path);
  return {
    ...known,
    etags,
    setsMtime: await timeSetting(desk, at('time')),
    deadProperties: await propertyKeeping(desk, path, at('content moved')),
    fileIds: await identities(desk, at('content moved'), at('content')),
    ranges: await rangeReading(desk, at('content')),
    atomicPut: await cutting(desk, at('cut')),
  };
}

/** Tells strong tags from those that are weak just after a write (Apache), by the answer to HEAD. */
async function weakness(desk: ProbeDesk, path: SyncPath): Promise<ContentAbilities['etags']> {
  const fresh = await desk.put(path, 'dddd').then(() => desk.try('HEAD', path));
  if (fresh.etag?.startsWith('W/') !== true) return 'strong';
  await desk.sleep(SETTLED_MS);
  const settled = await desk.try('HEAD', path);
  return settled.etag?.startsWith('W/') === true ? 'weak' : 'weak-at-first';
}

async function timeSetting(
  desk: ProbeDesk,
  path: SyncPath,
): Promise<ContentAbilities['setsMtime']> {
  await desk.try('PUT', path, { 'x-oc-mtime': `${OLD_TIME_S}` }, 'time');
  const seen = await desk.look(path);
  return seen?.lastModifiedMs === OLD_TIME_S * 1000 ? 'seconds' : 'no';
}

/** A property must be kept, be listed, go along with a MOVE, and leave the version as it is. */
async function propertyKeeping(desk: ProbeDesk, from: SyncPath, to: SyncPath): Promise<boolean> {
  desk.requests += 1;
  const before = await desk.look(from);
  const isKept = await keepsProperties(desk.session, from);
  await desk.try('MOVE', from, {
    destination: desk.session.addresses.urlOf(to).href,
    overwrite: 'F',
  });
  const after = await desk.look(to);
  return isKept && after?.storedMtime === '1' && after.version === before?.version;
}

async function identities(desk: ProbeDesk, from: SyncPath, to: SyncPath): Promise<boolean> {
  const before = await desk.look(from);
  await desk.try('MOVE', from, {
    destination: desk.session.addresses.urlOf(to).href,
    overwrite: 'F',
  });
  const after = await desk.look(to);
  return before?.fileId != null && before.fileId === after?.fileId;
}

async function rangeReading(desk: ProbeDesk, path: SyncPath): Promise<boolean> {
  const trial = await desk.try('GET', path, { range: 'bytes=1-2' });
  return trial.status === 206 && /^bytes 1-2\/4$/.test(trial.header('content-range') ?? '');
}

/** Cuts a body in the middle and looks whether anything of it is to be seen. */
async function cutting(desk: ProbeDesk, path: SyncPath): Promise<boolean> {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.alloc(64 * 1024, 'x');
    await desk.sleep(300);
    throw new FerryError('ABORTED', 'cut on purpose');
  }
  try {
    await desk.try('PUT', path, { 'content-length': `${256 * 1024}` }, body());
  } catch (error) {
    if (!(error instanceof FerryError) || error.message !== 'cut on purpose') throw error;
  }
  await desk.sleep(300);
  return (await desk.look(path)) === null;
}
