import { DIRECTIONS } from '../../core/model/entry.ts';
import { parentPath, type SyncPath } from '../../core/model/path.ts';
import { editedWorlds, numbersFrom } from './edits.ts';
import { Pair } from './pair.ts';
import { type Identities, item, recordsOf, World } from './world.ts';

const { FERRY_LONG, FERRY_SEED } = process.env;
const IS_LONG = FERRY_LONG === '1';
const SEED = Number(FERRY_SEED ?? 20_260_102);

/** The trees that everything begins with: no more than three things, no content twice. */
const BASES: readonly Readonly<Record<string, string>>[] = [
  { a: 'A', b: 'B' },
  { d: '/', 'd/x': 'X', y: 'Y' },
  { d: '/', 'd/e': '/', 'd/e/x': 'X' },
  { d: '/', e: '/', f: '/' },
];

/** Returns the world of a literal: path to content, `/` for directories; parents come first. */
export function worldOf(literal: Readonly<Record<string, string>>): World {
  const world = new World();
  for (const [path, content] of Object.entries(literal)) {
    const kind = content === '/' ? 'directory' : 'file';
    world.put(path as SyncPath, item(kind, kind === 'file' ? content : '', `was ${path}`));
  }
  return world;
}

/** Two sides that were edited after they had been in step. */
export interface EditedPair {
  readonly base: World;
  readonly pair: Pair;
}

/**
 * Yields all pairs of one edit on each side, and `samples` of up to two edits on each, spread over all
 * (with FERRY_LONG=1 fifty times as many); the same ones for the same FERRY_SEED.
 */
export function* editedPairs(samples: number, identities: Identities): Iterable<EditedPair> {
  const pick = numbersFrom(SEED);
  for (const literal of BASES) {
    const base = worldOf(literal);
    const parents = Object.keys(literal).map((path) => parentPath(path as SyncPath));
    const names = [...new Set(Object.keys(literal).map((path) => path.split('/').at(-1) ?? ''))];
    const editors = [
      { mark: 'local ', names: [...names, 'n'].slice(-3 - parents.length) },
      { mark: 'remote ', names: [...names, 'n'].slice(-3 - parents.length) },
    ] as const;
    const once = editors.map((editor) => editedWorlds(base, editor, 1));
    const twice = editors.map((editor) => editedWorlds(base, editor, 2));
    for (const local of once[0] ?? [])
      for (const remote of once[1] ?? []) yield* directed(base, local, remote, identities);
    const count = Math.ceil((samples * (IS_LONG ? 50 : 1)) / BASES.length);
    for (let i = 0; i < count; i++) {
      const local = twice[0]?.[pick(twice[0].length)];
      const remote = twice[1]?.[pick(twice[1].length)];
      if (local && remote) yield* directed(base, local, remote, identities);
    }
  }
}

function* directed(
  base: World,
  local: World,
  remote: World,
  identities: Identities,
): Iterable<EditedPair> {
  for (const direction of DIRECTIONS)
    yield {
      base,
      pair: new Pair({
        local: local.copy(),
        remote: remote.copy(),
        records: recordsOf(base, identities),
        direction,
        identities,
      }),
    };
}

/** Returns the error with the whole situation that it came up in. */
export function withSituation(error: unknown, { base, pair }: EditedPair): Error {
  const drawn = (world: World) =>
    [...world.entries()].map(([path, one]) => `${path}=${one.content || '/'}#${one.identity}`);
  const { direction, identities, policy } = pair;
  const { deletes, mirror } = policy;
  const worlds = [base, pair.local, pair.remote].map(drawn);
  return new Error(
    `${(error as Error).message}: ${JSON.stringify({ direction, identities, deletes, mirror, worlds, seed: SEED })}`,
    { cause: error },
  );
}
