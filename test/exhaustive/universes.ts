import type { Direction } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Policy } from '../../core/reconcile/plan.ts';
import { EditSequences } from '../support/edit-sequences.ts';
import { worldOf } from '../support/edited-pairs.ts';
import { Pair } from '../support/pair.ts';
import { PLAIN } from '../support/trees.ts';
import { item, recordsOf, World } from '../support/world.ts';

/** One pair of sides with what they had agreed on. They share their parts with other situations: copy before changing. */
export interface Situation {
  readonly base: World;
  readonly pair: Pair;
}

/** A closed set of situations: all there are of their kind. */
export interface Universe {
  readonly title: string;
  /** Sequences of edits that end in these situations; null where the trees themselves are enumerated. */
  sequences(): number | null;
  /** Yields those of one direction. */
  situations(direction: Direction): Iterable<Situation>;
}

const SEQUENCE_LENGTH = 3;

/** What can be under a name; lower-case letters are files in a directory. */
type State = 'absent' | 'A' | 'B' | '/' | '/a' | '/b';

const POLICIES: readonly Policy[] = [
  PLAIN,
  { ...PLAIN, deletes: 'keep' },
  { ...PLAIN, deletes: 'hold' },
  { ...PLAIN, mirror: true },
];

/** All triples of trees, then all short sequences of edits on both sides of agreed trees. */
export const UNIVERSES: readonly Universe[] = [
  triples('one name: absent, file A, file B, directory, with a child', ['x']),
  triples('two names: each absent, file A, file B, directory, with a child', ['x', 'y']),
  sequences({ a: 'A' }, ['a', 'n']),
  sequences({ a: 'A', b: 'B' }, ['a', 'b', 'n']),
  sequences({ d: '/', 'd/a': 'A' }, ['a', 'd', 'n']),
  sequences({ d: '/', 'd/a': 'A', 'd/b': 'B' }, ['a', 'd', 'n']),
  sequences({ d: '/', 'd/e': '/', 'd/e/a': 'A' }, ['a', 'n']),
  sequences({ d: '/', 'd/e': '/', 'd/e/a': 'A' }, ['d', 'n']),
];

function triples(title: string, names: readonly string[]): Universe {
  const worlds = combine(names, ['absent', 'A', 'B', '/', '/a', '/b']).map(treeOf);
  return {
    title,
    sequences: () => null,
    *situations(direction) {
      for (const base of worlds)
        for (const local of worlds)
          for (const remote of worlds)
            for (const options of settingsOf(direction))
              yield {
                base,
                pair: new Pair({
                  ...options,
                  local,
                  remote,
                  records: recordsOf(base, options.identities),
                }),
              };
    },
  };
}

function settingsOf(direction: Direction) {
  // With other policies both sides of a two-way pair stay different: nothing of what is checked here would hold.
  const policies = direction === 'two-way' ? [PLAIN] : POLICIES;
  return policies.flatMap((policy) =>
    [false, true].map((identities) => ({ direction, policy, identities })),
  );
}

function combine(names: readonly string[], states: readonly State[]): Record<string, State>[] {
  const [name, ...others] = names;
  if (name === undefined) return [{}];
  return states.flatMap((state) =>
    combine(others, states).map((rest) => ({ [name]: state, ...rest })),
  );
}

function treeOf(states: Readonly<Record<string, State>>): World {
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

function sequences(tree: Readonly<Record<string, string>>, names: readonly string[]): Universe {
  const leaves = Object.keys(tree).filter((path) => tree[path] !== '/');
  const base = worldOf(tree);
  let edited: EditSequences | null = null;
  const all = (): EditSequences => {
    edited ??= new EditSequences(base, names, SEQUENCE_LENGTH);
    return edited;
  };
  return {
    title: `${leaves.join(', ')}: ${SEQUENCE_LENGTH} edits with the names ${names.join(', ')}`,
    sequences: () => all().count,
    *situations(direction) {
      for (const identities of [true, false])
        for (const pair of all().pairs(direction, identities)) yield { base, pair };
    },
  };
}
