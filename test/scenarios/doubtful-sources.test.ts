import { afterEach, describe, expect, it } from '@jest/globals';
import type { Side } from '../../core/model/entry.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const SECOND = 1_000_000_000n;
const PLAIN = { allowDeletes: false, yes: false };

/** Files with times that grow with their numbers, in step on both sides. */
async function settled(count: number, directory = ''): Promise<void> {
  world = await SyncWorld.open({ direction: 'two-way', settings: { maxDeleteFraction: 0.9 } });
  for (let index = 0; index < 60; index++) write('remote', `f${index}`, `content ${index}`, index);
  for (let index = 0; index < count; index++)
    write('remote', `${directory}/g${index}`, `in it ${index}`, index);
  await world.sync();
}

function write(side: Side, path: string, content: string, atS: number): void {
  world.write(side, path, content, { mtimeNs: BigInt(1000 + atS) * SECOND });
}

describe('a remote directory that is suddenly empty', () => {
  it('is asked about when it held many entries, and emptied here when that is right', async () => {
    await settled(25, 'photos/2024');
    world.remove('remote', 'photos/2024');
    world.makeDirectory('remote', 'photos/2024');
    await expect(world.sync(PLAIN)).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
      message: expect.stringMatching(/photos\/2024 is empty.*mounted/s),
    });
    expect(Object.keys(world.snapshot('local')).length).toBe(60 + 2 + 25);
    await world.sync({ ...PLAIN, allowDeletes: true });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });

  it('is asked about also where the server says that it is another directory', async () => {
    world = await SyncWorld.open({
      direction: 'two-way',
      remote: CAPABLE_REMOTE,
      settings: { maxDeleteFraction: 0.9 },
    });
    for (let index = 0; index < 25; index++) {
      write('local', `photos/in/g${index}`, `${index}`, 0);
      write('local', `other/f${index}`, `other ${index}`, 0);
    }
    await world.sync();
    world.move('remote', 'photos', 'elsewhere');
    world.remove('remote', 'elsewhere');
    world.makeDirectory('remote', 'photos');
    await expect(world.sync(PLAIN)).rejects.toMatchObject({
      message: expect.stringMatching(/photos is empty/),
    });
  });

  it('is not asked about when it held few', async () => {
    await settled(15, 'photos');
    world.remove('remote', 'photos');
    world.makeDirectory('remote', 'photos');
    expect(await world.sync(PLAIN)).toMatchObject({ deletedLocal: 15 });
  });

  it('is not asked about when the directory itself was removed, or something else was put into it', async () => {
    await settled(25, 'photos');
    world.remove('remote', 'photos');
    expect(await world.sync(PLAIN)).toMatchObject({ deletedLocal: 26 });
    for (let index = 0; index < 25; index++) world.write('remote', `photos/g${index}`, 'again');
    await world.sync(PLAIN);
    world.remove('remote', 'photos');
    write('remote', 'photos/new', 'new', 900);
    expect(await world.sync(PLAIN)).toMatchObject({ deletedLocal: 25, downloaded: 1 });
  });
});

describe.each(['local', 'remote'] as const)('a backup that was restored on the %s side', (side) => {
  async function rolledBack(): Promise<void> {
    await settled(0);
    for (let index = 0; index < 4; index++) world.remove(side, `f${56 + index}`);
    for (let index = 0; index < 3; index++) write(side, `f${index}`, `older ${index}`, index - 500);
  }

  it('is asked about, and a reset then keeps every version', async () => {
    await rolledBack();
    await expect(world.sync(PLAIN)).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
      message: expect.stringMatching(/backup/),
    });
    expect(await world.reset()).toMatchObject({ deletedLocal: 0, deletedRemote: 0 });
    const contents = Object.values(world.snapshot('local'));
    for (const kept of ['content 59', 'content 0', 'older 0']) expect(contents).toContain(kept);
    expect(world.snapshot('remote')).toEqual(world.snapshot('local'));
  });

  it('is taken over where that is wanted', async () => {
    await rolledBack();
    await world.sync({ ...PLAIN, allowDeletes: true });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
    expect(world.snapshot('local')).toMatchObject({ f0: 'older 0' });
    expect(world.snapshot('local')).not.toHaveProperty('f59');
  });

  it('is not suspected while something newer is there too', async () => {
    await rolledBack();
    write(side, 'f10', 'edited', 900);
    expect(await world.sync(PLAIN)).toMatchObject({ complete: true });
  });

  it('is not suspected when somebody fetched one old version and removed files', async () => {
    await settled(0);
    for (let index = 0; index < 8; index++) world.remove(side, `f${50 + index}`);
    write(side, 'f1', 'an older one', -500);
    expect(await world.sync(PLAIN)).toMatchObject({ complete: true });
  });
});
