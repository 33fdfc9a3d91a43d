import { afterEach, describe, expect, it } from '@jest/globals';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

/** No scenario here needs as many calls; a loop that goes on to it never ended a run. */
const MOST_CALLS = 60;

/** A second cut after every third first one finds what one after each does, in half the time. */
function isThorough(count: number): boolean {
  return count % 3 === 0 || process.env['FERRY_LONG'] === '1';
}

const KINDS = { files: ['a', 'b', 'c'], directories: ['a', 'b', 'c'] } as const;

/** Three entries, each of which goes by the name of the next, seen from the side that the other one follows. */
async function settle(direction: Direction, kind: keyof typeof KINDS): Promise<void> {
  world = await SyncWorld.open({ direction, remote: CAPABLE_REMOTE });
  const master = direction === 'local-to-remote' ? 'local' : 'remote';
  for (const name of KINDS[kind])
    world.write(master, kind === 'files' ? name : `${name}/inside`, `this was ${name}`);
  await world.sync();
  for (const [from, to] of [
    ['a', 'aside'],
    ['b', 'a'],
    ['c', 'b'],
    ['aside', 'c'],
  ] as const)
    world.move(master, from, to);
}

describe.each(DIRECTIONS)('three entries that change names in a ring, %s', (direction) => {
  it.each(['files', 'directories'] as const)(
    'end as without an interruption, wherever two runs in a row were cut off: %s',
    async (kind) => {
      await settle(direction, kind);
      await world.sync();
      const expected = [world.snapshot('local'), world.snapshot('remote')];
      await world.close();
      for (let count = 0; count < MOST_CALLS; count++)
        for (const again of isThorough(count) ? [count, 5] : [count]) {
          await settle(direction, kind);
          world.failAfter = count;
          await world.sync().catch(() => undefined);
          const wasCutOff = world.calls.length > count;
          await world.restart();
          if (again !== count) {
            world.failAfter = again;
            await world.sync().catch(() => undefined);
            await world.restart();
          }
          await world.sync();
          expect([count, again, world.snapshot('local'), world.snapshot('remote')]).toEqual([
            count,
            again,
            ...expected,
          ]);
          if (!wasCutOff) return;
          await world.close();
        }
      throw new Error('no run ended by itself');
    },
    60_000,
  );
});
