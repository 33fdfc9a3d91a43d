import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Conflict } from '../../core/model/problem.ts';
import type { WriteItem } from '../../core/ports.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import { CAPABLE_REMOTE, SyncWorld, type SyncWorldOptions } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];

/** Leaves one conflict about `a.txt`, in a directory. */
async function inConflict(
  direction: Direction,
  options: Partial<SyncWorldOptions> = {},
): Promise<Conflict> {
  world = await SyncWorld.open({ direction, remote: CAPABLE_REMOTE, ...options });
  const master = direction === 'remote-to-local' ? 'remote' : 'local';
  world.write(master, 'docs/a.txt', 'base');
  await world.sync();
  world.write('local', 'docs/a.txt', 'mine');
  world.write('remote', 'docs/a.txt', 'theirs');
  const { conflicts } = await world.sync();
  expect(conflicts).toHaveLength(1);
  return (await known())[0] as Conflict;
}

async function known(): Promise<readonly Conflict[]> {
  return (await world.engine()).conflicts();
}

/** The side that holds both versions. */
const sideOf = (direction: Direction) => (direction === 'local-to-remote' ? 'remote' : 'local');

describe('a conflict', () => {
  it.each(DIRECTIONS)(
    'says what both versions were, what was before, and why (%s)',
    async (direction) => {
      const conflict = await inConflict(direction);
      const isServersCopy = direction === 'local-to-remote';
      const mine = { side: 'local', device: 'laptop', sizeBytes: 4, kind: 'file' };
      const theirs = { side: 'remote', sizeBytes: 6, kind: 'file' };
      expect(conflict).toMatchObject({
        path: 'docs/a.txt',
        copyFrom: isServersCopy ? 'remote' : 'local',
        winner: isServersCopy ? mine : theirs,
        copy: isServersCopy ? theirs : mine,
        base: { sizeBytes: 4, hash: hashOf(Buffer.from('base')) },
        reason: { local: 'modified', remote: 'modified' },
      });
      const winner = isServersCopy ? 'mine' : 'theirs';
      expect(conflict.winner?.hash).toBe(hashOf(Buffer.from(winner)));
    },
  );

  it.each(DIRECTIONS)('follows a copy that is renamed or moved (%s)', async (direction) => {
    const { copyPath } = await inConflict(direction);
    world.move(sideOf(direction), copyPath, 'elsewhere.txt');
    await world.sync();
    expect(await known()).toMatchObject([{ path: 'docs/a.txt', copyPath: 'elsewhere.txt' }]);
    await world.restart();
    await world.sync();
    expect(await known()).toMatchObject([{ copyPath: 'elsewhere.txt' }]);
  });

  it.each(['local', 'remote'] as const)(
    'follows a copy that is renamed on the %s side',
    async (side) => {
      const { copyPath } = await inConflict('two-way');
      world.move(side, copyPath, 'docs/b.txt');
      await world.sync();
      expect(await known()).toMatchObject([{ path: 'docs/a.txt', copyPath: 'docs/b.txt' }]);
    },
  );

  it.each(DIRECTIONS)('follows its directory and its original (%s)', async (direction) => {
    await inConflict(direction);
    const master = direction === 'local-to-remote' ? 'local' : 'remote';
    world.move(master, 'docs', 'papers');
    await world.sync();
    await world.sync();
    const [conflict] = await known();
    expect(conflict?.path).toBe('papers/a.txt');
    expect(world.snapshot(sideOf(direction))[conflict?.copyPath ?? '']).toBeDefined();
    world.move(master, 'papers/a.txt', 'papers/z.txt');
    await world.sync();
    expect(await known()).toMatchObject([{ path: 'papers/z.txt', copyPath: conflict?.copyPath }]);
  });

  it.each(DIRECTIONS)('is over when the copy is deleted (%s)', async (direction) => {
    const { copyPath } = await inConflict(direction);
    world.remove(sideOf(direction), copyPath);
    await world.sync();
    expect(await known()).toEqual([]);
  });

  it.each(DIRECTIONS)('is over when both files were made equal (%s)', async (direction) => {
    const { path, copyPath } = await inConflict(direction);
    const side = sideOf(direction);
    world.write(side, copyPath, world.snapshot(side)[path] ?? '');
    await world.sync();
    expect(await known()).toEqual([]);
    expect(Object.keys(world.snapshot(side))).toContain(copyPath);
  });

  it.each(DIRECTIONS)(
    'is over when the copy was renamed onto the original (%s)',
    async (direction) => {
      const { path, copyPath } = await inConflict(direction);
      const side = sideOf(direction);
      const content = world.snapshot(side)[copyPath];
      world.remove(side, path);
      world.move(side, copyPath, path);
      await world.sync();
      expect(await known()).toEqual([]);
      expect(world.snapshot(side)).toMatchObject({ [path]: content });
    },
  );

  it('keeps being known through a reset', async () => {
    const { copyPath } = await inConflict('two-way');
    await world.reset();
    expect(await known()).toMatchObject([{ copyPath }]);
    world.move('local', copyPath, 'found-again.txt');
    await world.sync();
    expect(await known()).toMatchObject([{ copyPath: 'found-again.txt' }]);
  });

  it('costs no reading of files in quiet runs', async () => {
    await inConflict('remote-to-local');
    await world.sync();
    await world.sync();
    expect(world.costs().filter((call) => call.startsWith('read'))).toEqual([]);
  });
});

describe('keeping one version', () => {
  it.each(
    DIRECTIONS.flatMap((direction) =>
      (['local', 'remote', 'both'] as const).map((keep) => ({ direction, keep })),
    ),
  )('$keep, in a $direction pair', async ({ direction, keep }) => {
    const { path, copyPath } = await inConflict(direction);
    const engine = await world.engine();
    const side = sideOf(direction);
    const before = world.snapshot(side);
    const choice = { paths: [path], keep };
    const [would] = await engine.resolveConflicts({ ...choice, dryRun: true });
    expect(world.snapshot(side)).toEqual(before);
    expect(await known()).toHaveLength(1);
    const [done] = await engine.resolveConflicts(choice);
    expect(done).toEqual(would);
    expect(await known()).toEqual([]);
    await world.sync();
    await world.sync();
    const after = world.snapshot(side);
    if (keep === 'both') expect(after).toEqual(before);
    else expect(after).toEqual({ docs: '/', 'docs/a.txt': keep === 'local' ? 'mine' : 'theirs' });
    const other = side === 'local' ? 'remote' : 'local';
    const master = direction === 'local-to-remote' ? 'mine' : 'theirs';
    if (direction === 'two-way') expect(world.snapshot(other)).toEqual(after);
    else expect(world.snapshot(other)).toEqual({ docs: '/', 'docs/a.txt': master });
    expect(await known()).toEqual([]);
    expect(Object.keys(after).includes(copyPath)).toBe(keep === 'both');
  });

  it('puts what it removes from a side that keeps nothing into the version store of the other', async () => {
    const { path, copyPath } = await inConflict('local-to-remote');
    const kept: string[] = [];
    Object.assign(world.sides.local, {
      versions: {
        keep: async (item: WriteItem) => {
          for await (const piece of await item.open()) kept.push(Buffer.from(piece).toString());
          return 'kept';
        },
      },
    });
    const choice = { paths: [path], keep: 'local' } as const;
    const [outcome] = await (await world.engine()).resolveConflicts(choice);
    expect(outcome).toMatchObject({ dropped: copyPath, side: 'remote', keptOn: 'local' });
    expect(kept).toEqual(['theirs']);
  });

  it('leaves it to the other side to keep what the next run removes there, and says when none does', async () => {
    const { path } = await inConflict('two-way');
    const choice = { paths: [path], keep: 'remote', dryRun: true } as const;
    const engine = await world.engine();
    expect((await engine.resolveConflicts(choice))[0]?.keptOn).toBeUndefined();
    Object.assign(world.sides.remote, { versions: {} });
    expect((await engine.resolveConflicts(choice))[0]?.keptOn).toBe('remote');
  });

  it('settles all conflicts below a directory, and says which could not be', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    for (const name of ['in/1', 'in/2', 'out/3']) {
      world.write('local', name, 'mine');
      world.write('remote', name, 'theirs');
    }
    await world.sync();
    const engine = await world.engine();
    const refused = parseSyncPath('in/1');
    const { copyPath } = (await known()).find(({ path }) => path === refused) as Conflict;
    world.onCall = (_side, operation, path) => {
      if (operation === 'remove' && path === copyPath) throw new Error('no');
    };
    const outcomes = await engine.resolveConflicts({
      paths: [parseSyncPath('in')],
      keep: 'remote',
    });
    expect(outcomes).toHaveLength(2);
    expect(outcomes.find(({ conflict }) => conflict.path === 'in/1')?.error).toBeDefined();
    expect((await known()).map(({ path }) => path).sort()).toEqual(['in/1', 'out/3']);
    world.onCall = null;
    await engine.resolveConflicts({ paths: 'all', keep: 'both' });
    expect(await known()).toEqual([]);
  });

  it('shows both versions of a text beforehand', async () => {
    const { path } = await inConflict('two-way');
    const view = await (await world.engine()).showConflict(path);
    expect(view.local).toMatchObject({
      text: 'mine',
      sizeBytes: 4,
      device: 'laptop',
      isThere: true,
    });
    expect(view.remote).toMatchObject({ text: 'theirs', sizeBytes: 6, isThere: true });
  });
});

describe('conflict copies', () => {
  it.each(DIRECTIONS)(
    'never grow a copy of themselves, and no more while nothing happens (%s)',
    async (direction) => {
      const { path } = await inConflict(direction);
      const side = sideOf(direction);
      for (let round = 0; round < 5; round++) {
        for (const name of Object.keys(world.snapshot(side)).filter((each) =>
          each.endsWith('.txt'),
        )) {
          world.write('local', name, `mine ${round}`);
          world.write('remote', name, `theirs ${round}`);
        }
        await world.sync();
        await world.sync();
        const names = Object.keys(world.snapshot(side));
        for (const name of names) expect(name.match(/\(conflict/g)?.length ?? 0).toBeLessThan(2);
        await world.sync();
        expect(Object.keys(world.snapshot(side))).toEqual(names);
        expect(world.costs().filter((call) => /^(write|move|remove)/.test(call))).toEqual([]);
      }
      expect((await known()).length).toBeGreaterThan(0);
      expect(Object.keys(world.snapshot(side)).every((name) => name.length < 255)).toBe(true);
      expect(world.snapshot(side)[path]).toBeDefined();
    },
  );
});
