import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { backUp, restore, unmount, wipe } from '../support/servers/wire/storage.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { WireWorld } from '../support/wire-world.ts';

let world: WireWorld;
let aside: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeEach(async () => {
  world = await WireWorld.open();
  aside = await temporaryDirectory('ferry-aside');
  for (let index = 0; index < 90; index++)
    await world.write('server', `plain/${index}.txt`, `plain ${index}`);
  for (let index = 0; index < 25; index++)
    await world.write('server', `mounted/deep/${index}.txt`, `mounted ${index}`);
  expect((await world.sync()).error).toBeNull();
  await world.remember();
}, 30_000);

afterEach(async () => {
  await world.close();
  await aside.close();
}, 30_000);

describe('a server whose storage is not what it was', () => {
  test('was wiped: nothing is deleted here, however often it is asked', async () => {
    const before = await world.list('local');
    await wipe(world.server.directory);
    for (let run = 0; run < 3; run++) {
      const { error } = await world.sync();
      expect(error?.code).toBe('GUARD_STOPPED');
      expect(error?.message).toMatch(/empty/);
      world.later();
    }
    expect(await world.list('local')).toEqual(before);
  });

  test('shows an empty folder where its storage is away: nothing is deleted here, and it mends itself', async () => {
    const before = await world.list('local');
    const bringBack = await unmount(world.server.directory, 'mounted', join(aside.path, 'away'));
    const { error } = await world.sync();
    expect(error?.code).toBe('GUARD_STOPPED');
    expect(error?.message).toMatch(/mounted/);
    expect(await world.list('local')).toEqual(before);
    await bringBack();
    const mended = await world.sync();
    expect(mended).toMatchObject({ error: null, summary: { problems: [], deletedLocal: 0 } });
    expect(world.transferred).toEqual([]);
  });

  test('shows an empty folder that somebody meant to empty: one question, one answer', async () => {
    await unmount(world.server.directory, 'mounted', join(aside.path, 'away'));
    expect((await world.sync()).error?.code).toBe('GUARD_STOPPED');
    const { error } = await world.sync(null, { allowDeletes: true });
    expect(error).toBeNull();
    expect(await world.list('local')).toEqual(await world.list('server'));
  });

  test('was restored from a backup: nothing newer is overwritten or deleted here', async () => {
    await backUp(world.server.directory, join(aside.path, 'backup'));
    for (let index = 0; index < 8; index++) {
      await world.write('server', `plain/${index}.txt`, `edited since the backup ${index}`);
      const later = Date.now() / 1000 + 60;
      await utimes(join(world.server.directory, `plain/${index}.txt`), later, later);
      await world.write('local', `plain/new ${index}.txt`, `made since the backup ${index}`);
    }
    expect((await world.sync()).error).toBeNull();
    const before = await world.list('local');
    await restore(world.server.directory, join(aside.path, 'backup'));
    const { error } = await world.sync();
    expect(error?.code).toBe('GUARD_STOPPED');
    expect(error?.message).toMatch(/backup/);
    expect(await world.list('local')).toEqual(before);
  });
});
