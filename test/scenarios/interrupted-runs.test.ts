import { afterEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import type { MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import { CAPABLE_REMOTE, type Snapshot, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

const REMOTES: Readonly<Record<'plain' | 'capable', MemoryReplicaOptions>> = {
  plain: {},
  capable: CAPABLE_REMOTE,
};
/** No scenario here needs as many calls; a loop that goes on to it never ended a run. */
const MOST_CALLS = 200;

interface Scenario {
  readonly name: string;
  readonly edit: () => void;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a file that was moved and edited here',
    edit: () => {
      world.move('local', 'a.txt', 'dir/moved.txt');
      world.write('local', 'dir/moved.txt', 'moved and edited');
    },
  },
  {
    name: 'several files that were moved and edited here',
    edit: () => {
      for (const [from, to] of [
        ['a.txt', 'dir/1.txt'],
        ['dir/b.txt', '2.txt'],
        ['dir/c.txt', 'other/3.txt'],
      ] as const) {
        world.move('local', from, to);
        world.write('local', to, `${from} was moved and edited`);
      }
    },
  },
  {
    name: 'a file that was moved here and edited there',
    edit: () => {
      world.move('local', 'a.txt', 'moved.txt');
      world.write('remote', 'a.txt', 'edited there');
    },
  },
  {
    name: 'two directories that swapped their names',
    edit: () => {
      world.move('local', 'dir', 't');
      world.move('local', 'other', 'dir');
      world.move('local', 't', 'other');
    },
  },
  {
    name: 'a file that became a directory, and a directory that became a file',
    edit: () => {
      world.remove('local', 'a.txt');
      world.write('local', 'a.txt/inside.txt', 'inside');
      world.remove('local', 'dir');
      world.write('local', 'dir', 'a file now');
    },
  },
  {
    name: 'a renamed directory with an edit, a new file and a deletion in it',
    edit: () => {
      world.move('local', 'dir', 'renamed');
      world.write('local', 'renamed/b.txt', 'edited');
      world.write('local', 'renamed/new.txt', 'new');
      world.remove('local', 'renamed/c.txt');
    },
  },
  {
    name: 'conflicting edits',
    edit: () => {
      world.write('local', 'a.txt', 'mine');
      world.write('remote', 'a.txt', 'theirs');
    },
  },
];

async function settle(direction: Direction, remote: MemoryReplicaOptions): Promise<void> {
  world = await SyncWorld.open({ direction, remote });
  const master = direction === 'remote-to-local' ? 'remote' : 'local';
  world.write(master, 'a.txt', 'one');
  world.write(master, 'dir/b.txt', 'two');
  world.write(master, 'dir/c.txt', 'three');
  world.write(master, 'other/d.txt', 'four');
  world.makeLink(master, 'link', 'dir/b.txt');
  await world.sync();
}

/** A snapshot that is the same whenever it was taken: the time in conflict names is left out. */
function timeless(snapshot: Snapshot): Snapshot {
  const entries = Object.entries(snapshot).map(([path, content]): [string, string] => [
    path.replace(/\d{4}-\d\d-\d\d \d\d-\d\d-\d\d/, 'TIME'),
    content,
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function both(): { local: Snapshot; remote: Snapshot } {
  return { local: timeless(world.snapshot('local')), remote: timeless(world.snapshot('remote')) };
}

/** Cuts a run off after so many calls; returns whether it needed more. */
async function cutOffAfter(count: number): Promise<boolean> {
  world.failAfter = count;
  await world.sync().catch(() => undefined);
  const wasCutOff = world.calls.length > count;
  await world.restart();
  return wasCutOff;
}

describe.each(['plain', 'capable'] as const)('a two-way run with a %s server', (remote) => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    'comes to the same end wherever it was cut off: %s',
    async (_name, { edit }) => {
      await settle('two-way', REMOTES[remote]);
      edit();
      await world.sync();
      const expected = both();
      await world.close();
      for (let count = 0; count < MOST_CALLS; count++) {
        await settle('two-way', REMOTES[remote]);
        edit();
        const wasCutOff = await cutOffAfter(count);
        await world.sync();
        expect({ count, ...both() }).toEqual({ count, ...expected });
        const engine = await world.engine();
        expect({ count, conflicts: (await engine.conflicts()).length }).toEqual({
          count,
          conflicts: Object.keys(expected.local).filter((path) => path.includes('(conflict'))
            .length,
        });
        await world.sync();
        expect({ count, costs: world.costs() }).toEqual({ count, costs: [] });
        if (!wasCutOff) return;
        await world.close();
      }
      throw new Error('no run ended by itself');
    },
    60_000,
  );
});
