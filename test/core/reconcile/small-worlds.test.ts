import { describe, expect, test } from '@jest/globals';
import { DIRECTIONS } from '../../../core/model/entry.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import type { Policy } from '../../../core/reconcile/plan.ts';
import { checkRun } from '../../support/invariants.ts';
import { Pair } from '../../support/pair.ts';
import { PLAIN } from '../../support/trees.ts';
import { item, recordsOf, World } from '../../support/world.ts';

/** What can be under a name; lower-case letters are files in a directory. */
type State = 'absent' | 'A' | 'B' | '/' | '/a' | '/b';

function worldOf(states: Readonly<Record<string, State>>): World {
  const world = new World();
  for (const [name, state] of Object.entries(states)) {
    if (state === 'absent') continue;
    const isFile = !state.startsWith('/');
    const kind = isFile ? 'file' : 'directory';
    // The same path and kind has the same identity in all three trees: what was not moved is the same thing.
    world.put(name as SyncPath, item(kind, isFile ? state : '', `${name}-${kind}`));
    if (state.length > 1 && !isFile)
      world.put(`${name}/c` as SyncPath, item('file', state.slice(1), `${name}/c`));
  }
  return world;
}

function combine(names: readonly string[], states: readonly State[]): World[] {
  const [name, ...others] = names;
  if (name === undefined) return [new World()];
  const all = (left: readonly string[]): Record<string, State>[] =>
    left.length === 0
      ? [{}]
      : states.flatMap((state) =>
          all(left.slice(1)).map((rest) => ({ [left[0] ?? '']: state, ...rest })),
        );
  return all([name, ...others]).map(worldOf);
}

interface Universe {
  readonly title: string;
  readonly worlds: readonly World[];
  readonly policies: readonly Policy[];
}

const UNIVERSES: readonly Universe[] = [
  {
    title: 'two names, each absent, a file, another file or a directory',
    worlds: combine(['x', 'y'], ['absent', 'A', 'B', '/']),
    policies: [PLAIN],
  },
  {
    title: 'one name, also a directory with a child',
    worlds: combine(['x'], ['absent', 'A', 'B', '/', '/a', '/b']),
    policies: [
      PLAIN,
      { ...PLAIN, deletes: 'keep' },
      { ...PLAIN, deletes: 'hold' },
      { ...PLAIN, mirror: true },
    ],
  },
  {
    title: 'two names, each a directory with or without a child, or absent, or a file',
    worlds: combine(['x', 'y'], ['absent', 'A', '/a', '/b']),
    policies: [PLAIN],
  },
];

function* runsOf({ worlds, policies }: Universe): Iterable<{ base: World; pair: Pair }> {
  for (const base of worlds)
    for (const local of worlds)
      for (const remote of worlds)
        for (const options of settingsOf(policies))
          yield {
            base,
            pair: new Pair({
              ...options,
              local: local.copy(),
              remote: remote.copy(),
              records: recordsOf(base, options.identities),
            }),
          };
}

function settingsOf(policies: readonly Policy[]) {
  return DIRECTIONS.flatMap((direction) =>
    policies
      // Both sides stay different then, so that nothing of what is checked here holds.
      .filter(({ deletes }) => direction !== 'two-way' || deletes === 'propagate')
      .flatMap((policy) => [false, true].map((identities) => ({ direction, policy, identities }))),
  );
}

describe('every small world', () => {
  test.each(UNIVERSES)(
    'keeps every byte, converges and comes to rest: $title',
    (universe) => {
      let runs = 0;
      for (const { base, pair } of runsOf(universe)) {
        const { direction, policy, identities } = pair;
        const worlds = [base, pair.local, pair.remote].map((world) => world.picture());
        try {
          checkRun(pair, base);
        } catch (error) {
          const situation = JSON.stringify({ direction, worlds, policy, identities });
          throw new Error(`${(error as Error).message}: ${situation}`, { cause: error });
        }
        runs++;
      }
      process.stdout.write(`small worlds: ${runs} runs (${universe.title})\n`);
      expect(runs).toBeGreaterThan(500);
    },
    60_000,
  );
});
