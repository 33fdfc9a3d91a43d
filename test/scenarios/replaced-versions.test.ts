import { afterEach, describe, expect, it } from '@jest/globals';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const PLAIN = { allowDeletes: false, yes: false };
const FILES = 80;

/** A server without hashes gives every file another version. */
async function touchedThere(contentOf: (index: number) => string): Promise<void> {
  world = await SyncWorld.open({ direction: 'two-way' });
  for (let index = 0; index < FILES; index++) world.write('local', `f${index}`, `content ${index}`);
  await world.sync();
  for (let index = 0; index < FILES; index++)
    world.write('remote', `f${index}`, contentOf(index), { mtimeNs: BigInt(index) });
}

describe('a server that gives all its files other versions', () => {
  it('raises no question when their contents are what they were, and is not looked at again', async () => {
    await touchedThere((index) => `content ${index}`);
    expect(await world.sync(PLAIN)).toMatchObject({ complete: true, downloaded: 0 });
    expect(world.costs().filter((call) => call.startsWith('read'))).toHaveLength(FILES);
    await world.sync(PLAIN);
    expect(world.costs()).toEqual([]);
  });

  it('raises a question when the contents are others, after a look at some', async () => {
    await touchedThere((index) => `CONTENT ${index}`);
    await expect(world.sync(PLAIN)).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
      message: expect.stringMatching(/80 of 80 files/),
    });
    expect(world.costs()).toHaveLength(32);
    expect(world.snapshot('local')).toMatchObject({ f0: 'content 0' });
  });

  it('brings over the few that did change', async () => {
    await touchedThere((index) => (index % 20 === 0 ? `CONTENT ${index}` : `content ${index}`));
    expect(await world.sync(PLAIN)).toMatchObject({ complete: true, downloaded: 4 });
    expect(world.snapshot('local')).toEqual(world.snapshot('remote'));
  });
});
