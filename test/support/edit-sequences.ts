import type { Direction } from '../../core/model/entry.ts';
import { type Editor, editsOf } from './edits.ts';
import { Pair } from './pair.ts';
import { recordsOf, type World } from './world.ts';

/** A state that sequences of the same length lead to. */
interface Reached {
  readonly world: World;
  /** So many different sequences end in it. */
  ways: number;
}

/** Who edits on each side. */
export const EDITORS = { local: 'local ', remote: 'remote ' } as const;

/** All that users can make of one agreed tree by so many edits, together, on both sides. */
export class EditSequences {
  readonly base: World;
  readonly #local: readonly ReadonlyMap<string, Reached>[];
  readonly #remote: readonly ReadonlyMap<string, Reached>[];
  readonly #length: number;

  /** `names` is what things are created as and moved to. */
  constructor(base: World, names: readonly string[], length: number) {
    this.base = base;
    this.#length = length;
    this.#local = layers(base, { mark: EDITORS.local, names }, length);
    this.#remote = layers(base, { mark: EDITORS.remote, names }, length);
  }

  /** The number of sequences: two that differ only in whose turn it was are two. */
  get count(): number {
    const ways = (layer: ReadonlyMap<string, Reached> | undefined): number =>
      [...(layer?.values() ?? [])].reduce((sum, one) => sum + one.ways, 0);
    let count = 0;
    for (let here = 0; here <= this.#length; here++)
      for (let there = 0; here + there <= this.#length; there++)
        count += ways(this.#local[here]) * ways(this.#remote[there]) * interleavings(here, there);
    return count;
  }

  /** Yields each pair of states that some sequence leads to, once; they share their parts: copy before changing. */
  *pairs(direction: Direction, identities: boolean): Iterable<Pair> {
    const records = recordsOf(this.base, identities);
    const remotes = shortest(this.#remote);
    for (const [here, local] of shortest(this.#local))
      for (const [there, remote] of remotes) {
        if (here + there > this.#length) break;
        yield new Pair({ local, remote, records, direction, identities });
      }
  }
}

function layers(base: World, editor: Editor, length: number): ReadonlyMap<string, Reached>[] {
  const found: Map<string, Reached>[] = [new Map([[fingerprint(base), { world: base, ways: 1 }]])];
  for (let round = 1; round <= length; round++) {
    const next = new Map<string, Reached>();
    for (const { world, ways } of found[round - 1]?.values() ?? [])
      for (const edit of editsOf(world, editor, round)) {
        const edited = world.copy();
        edit(edited);
        renumber(edited, editor);
        const print = fingerprint(edited);
        const known = next.get(print);
        if (known === undefined) next.set(print, { world: edited, ways });
        else known.ways += ways;
      }
    found.push(next);
  }
  return found;
}

/** Yields every state with the least number of edits that it takes, fewest first. */
function shortest(found: readonly ReadonlyMap<string, Reached>[]): readonly [number, World][] {
  const known = new Set<string>();
  return found.flatMap((layer, edits) =>
    [...layer].flatMap(([print, { world }]): [number, World][] => {
      if (known.has(print)) return [];
      known.add(print);
      return [[edits, world]];
    }),
  );
}

/** What was made in another order but stands at the same places is the same; each new file has a content of its own. */
function renumber(world: World, { mark }: Editor): void {
  const made = [...world.entries()].filter(([, { identity }]) => identity.startsWith(mark));
  made.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [index, [, one]] of made.entries()) {
    one.identity = `${mark}${-1 - index}`;
    if (one.kind === 'file' && one.content.startsWith(mark)) one.content = `${mark}new ${index}`;
  }
}

function fingerprint(world: World): string {
  const lines = [...world.entries()].map(([path, one]) => `${path} ${one.content} ${one.identity}`);
  return lines.sort().join('\n');
}

/** The number of orders in which so many edits here and so many there can happen. */
function interleavings(here: number, there: number): number {
  let count = 1;
  for (let i = 1; i <= here; i++) count = (count * (there + i)) / i;
  return count;
}
