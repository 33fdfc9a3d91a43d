import type { SyncPath } from '../../core/model/path.ts';
import { type HeldLock, lock } from './locks.ts';
import type { ContentAbilities } from './probe-content.ts';
import type { ProbeDesk } from './probe-desk.ts';
import type { ProbeResult } from './probe-result.ts';
import { etagOf } from './resource.ts';

type At = (name: string) => SyncPath;

/** What was found out about requests that must be refused. */
export type ConditionAbilities = Pick<
  ProbeResult,
  | 'ifMatch'
  | 'ifNoneMatch'
  | 'ifLists'
  | 'locks'
  | 'overwriteFalse'
  | 'mkcolRefusesExisting'
  | 'depthInfinity'
>;

const WRONG_ETAG = '"ferry-no-such-version"';
const WEAK_MS = 1_300;

/** Tries every way to refuse a change, and for each one that the right change is let through. */
export async function probeConditions(
  desk: ProbeDesk,
  at: At,
  content: ContentAbilities,
): Promise<ConditionAbilities> {
  const hasTags = content.etags === 'strong' || content.etags === 'weak-at-first';
  const none = { put: false, remove: false, move: false };
  return {
    ifNoneMatch: await creating(desk, at),
    overwriteFalse: await moving(desk, at),
    ifMatch: hasTags ? await matching(desk, at, content) : none,
    ifLists: hasTags && (await lists(desk, at, content)),
    locks: await locks(desk, at),
    mkcolRefusesExisting: await making(desk, at),
    depthInfinity: await infinity(desk, at),
  };
}

async function creating(desk: ProbeDesk, at: At): Promise<boolean> {
  const path = at('new');
  const first = await desk.try('PUT', path, { 'if-none-match': '*' }, 'first');
  const second = await desk.try('PUT', path, { 'if-none-match': '*' }, 'second');
  return first.isDone && second.status === 412 && (await desk.content(path)) === 'first';
}

async function moving(desk: ProbeDesk, at: At): Promise<boolean> {
  await desk.put(at('source'), 'source');
  await desk.put(at('target'), 'target');
  const headers = { destination: destination(desk, at('target')), overwrite: 'F' };
  const refused = await desk.try('MOVE', at('source'), headers);
  return refused.status === 412 && (await desk.content(at('target'))) === 'target';
}

/** Writes a file and waits until its ETag can be used. */
async function freshTag(
  desk: ProbeDesk,
  path: SyncPath,
  content: ContentAbilities,
): Promise<string | null> {
  await desk.put(path, 'tagged');
  if (content.etags === 'weak-at-first') await desk.sleep(WEAK_MS);
  const seen = await desk.look(path);
  return seen === null ? null : etagOf(seen.version);
}

async function matching(
  desk: ProbeDesk,
  at: At,
  content: ContentAbilities,
): Promise<ProbeResult['ifMatch']> {
  const path = at('matched');
  const wrong = { 'if-match': WRONG_ETAG };
  const etag = await freshTag(desk, path, content);
  if (etag === null) return { put: false, remove: false, move: false };
  const right = { 'if-match': etag };
  const away = { destination: destination(desk, at('matched away')), overwrite: 'F' };

  const wrongPut = await desk.try('PUT', path, wrong, 'wrong!');
  const wrongMove = await desk.try('MOVE', path, { ...wrong, ...away });
  const wrongRemove = await desk.try('DELETE', path, wrong);
  const isUntouched = (await desk.content(path)) === 'tagged';
  if (!isUntouched) await freshTag(desk, path, content);

  const isRefused = (status: number): boolean => isUntouched && status === 412;
  const rightMove = await desk.try('MOVE', path, { ...right, ...away });
  const moved = rightMove.isDone ? at('matched away') : path;
  const movedTag = await desk
    .look(moved)
    .then((seen) => (seen === null ? null : etagOf(seen.version)));
  const rightPut = await desk.try('PUT', moved, { 'if-match': movedTag ?? etag }, 'right!');
  const removeTag = await freshTag(desk, moved, content);
  const rightRemove = await desk.try('DELETE', moved, { 'if-match': removeTag ?? etag });
  return {
    put: isRefused(wrongPut.status) && rightPut.isDone,
    move: isRefused(wrongMove.status) && rightMove.isDone,
    remove: isRefused(wrongRemove.status) && rightRemove.isDone,
  };
}

async function lists(desk: ProbeDesk, at: At, content: ContentAbilities): Promise<boolean> {
  const path = at('listed');
  const etag = await freshTag(desk, path, content);
  if (etag === null) return false;
  const wrong = await desk.try('PUT', path, { if: `([${WRONG_ETAG}])` }, 'wrong!');
  const isUntouched = (await desk.content(path)) === 'tagged';
  const right = await desk.try('PUT', path, { if: `([${etag}])` }, 'right!');
  return wrong.status === 412 && isUntouched && right.isDone;
}

/** A lock counts when it shuts out PUT, DELETE and MOVE onto the file, and its token opens all three. */
async function locks(desk: ProbeDesk, at: At): Promise<ProbeResult['locks']> {
  const path = at('locked');
  const source = at('moved-onto-locked');
  await desk.put(path, 'locked');
  await desk.put(source, 'source');
  const isKept = await underLock(desk, path, async (held) => {
    const onto = { destination: destination(desk, path), overwrite: 'T' };
    const shut = [
      await desk.try('PUT', path, {}, 'intruder'),
      await desk.try('DELETE', path),
      await desk.try('MOVE', source, onto),
    ];
    if (!shut.every(({ status }) => status === 423)) return false;
    if ((await desk.content(path)) !== 'locked') return false;
    const moved = await desk.try('MOVE', source, { ...onto, if: held.named });
    return moved.isDone && (await desk.content(path)) === 'source';
  });
  if (isKept !== true) return 'no';
  for (const form of ['named', 'unnamed'] as const)
    if (await opensByForm(desk, at('locked file'), form)) return form;
  return 'no';
}

async function opensByForm(
  desk: ProbeDesk,
  path: SyncPath,
  form: 'named' | 'unnamed',
): Promise<boolean> {
  await desk.put(path, 'locked');
  const isOpened = await underLock(desk, path, async (held) => {
    const put = await desk.try('PUT', path, { if: held[form] }, 'owner');
    return put.isDone && (await desk.try('DELETE', path, { if: held[form] })).isDone;
  });
  return isOpened === true && (await desk.look(path)) === null;
}

/** Runs `work` under a lock; null when the server gives none. */
async function underLock<T>(
  desk: ProbeDesk,
  path: SyncPath,
  work: (held: HeldLock) => Promise<T>,
): Promise<T | null> {
  desk.requests += 2;
  const held = await lock(desk.session, path).catch(() => null);
  if (held === null) return null;
  try {
    return await work(held);
  } finally {
    await held.release();
  }
}

async function making(desk: ProbeDesk, at: At): Promise<boolean> {
  const options = { method: 'MKCOL', isCollection: true, accept: [200, 201, 405, 409] } as const;
  desk.requests += 2;
  await desk.session.status(at('deep'), options);
  return (await desk.session.status(at('deep'), options)) === 405;
}

async function infinity(desk: ProbeDesk, at: At): Promise<boolean> {
  const deep = at('deep');
  const leaf = at('deep/leaf');
  await desk.put(leaf, 'leaf');
  const paths = await desk.paths(parentOf(deep), 'infinity');
  return paths?.has(leaf) === true;
}

function parentOf(path: SyncPath): SyncPath {
  return path.slice(0, path.lastIndexOf('/')) as SyncPath;
}

function destination(desk: ProbeDesk, path: SyncPath): string {
  return desk.session.addresses.urlOf(path).href;
}
