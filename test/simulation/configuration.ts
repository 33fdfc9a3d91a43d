import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import type { Random } from './random.ts';
import type { ServerTraits } from './sim-remote.ts';

/** Faults that a schedule may draw. */
export type FaultKind = 'error' | 'network' | 'crash' | 'cancel' | 'edit' | 'records' | 'server';

/** What a seed's world is like; every seed draws its own mix. */
export interface Configuration {
  readonly direction: Direction;
  readonly deletes: 'propagate' | 'keep';
  readonly mirror: boolean;
  readonly traits: ServerTraits;
  /** Time between two deeds of users. */
  readonly paceMs: number;
  /** Files written at the same time on a side. */
  readonly lanes: number;
  /** The file system loses the last changes of names first, as ext4 and XFS do; otherwise any of them. */
  readonly ordersNames: boolean;
  /** What entries are called; few, so that they meet. */
  readonly names: readonly string[];
  readonly maxDepth: number;
  readonly rounds: number;
  readonly faults: ReadonlySet<FaultKind>;
  /** Faults and edits in a run are drawn so often, at most. */
  readonly faultsPerRun: number;
  readonly changesDirection: boolean;
  readonly resets: boolean;
}

const NAMES = ['a', 'b', 'A', 'd.txt', 'e.tar.gz', 'f'];
const FAULTS: readonly FaultKind[] = [
  'error',
  'network',
  'crash',
  'crash',
  'cancel',
  'edit',
  'edit',
  'records',
  'server',
];

/** Draws the configuration of a seed. */
export function drawConfiguration(random: Random, direction?: Direction): Configuration {
  const drawn = random.pick(DIRECTIONS);
  const way = direction ?? (random.chance(0.4) ? 'two-way' : drawn);
  const isOneWay = way !== 'two-way';
  const hasFaults = random.chance(0.75);
  const faults = new Set<FaultKind>();
  if (hasFaults)
    for (let left = random.between(1, 4); left > 0; left--) faults.add(random.pick(FAULTS));
  const policy = random.below(12);
  const isPlain = !isOneWay || policy > 1;
  const traits = drawTraits(random);
  const configuration: Configuration = {
    direction: way,
    deletes: isOneWay && policy === 0 ? 'keep' : 'propagate',
    mirror: way === 'remote-to-local' && policy === 1,
    traits,
    paceMs: random.pick([7, 1007]),
    lanes: random.between(1, 3),
    ordersNames: random.chance(0.5),
    names: NAMES.slice(0, random.between(3, NAMES.length)),
    maxDepth: random.between(1, 3),
    rounds: random.between(2, 4),
    faults,
    faultsPerRun: random.between(1, 3),
    changesDirection: isPlain && random.chance(0.06),
    resets: random.chance(0.05),
  };
  // Drawn last, so that what was drawn before stays as it was for each seed.
  const feed = random.pick(['none', 'sure', 'sure', 'forgetful'] as const);
  return { ...configuration, traits: { ...traits, feed } };
}

function drawTraits(random: Random): ServerTraits {
  return {
    identities: random.chance(0.6),
    hashes: random.chance(0.5),
    symlinks: random.chance(0.3),
    modes: random.chance(0.3),
    mtimePrecisionNs: random.pick([null, 1n, 1_000_000_000n]),
    rootId: random.chance(0.5),
    feed: 'none',
  };
}

/** A two-way pair with a capable server, for schedules that are written down. */
export const PLAIN_CONFIGURATION: Configuration = {
  direction: 'two-way',
  deletes: 'propagate',
  mirror: false,
  traits: {
    identities: true,
    hashes: true,
    symlinks: false,
    modes: false,
    mtimePrecisionNs: 1n,
    rootId: false,
    feed: 'sure',
  },
  paceMs: 7,
  lanes: 1,
  ordersNames: true,
  names: [],
  maxDepth: 1,
  rounds: 1,
  faults: new Set(),
  faultsPerRun: 0,
  changesDirection: false,
  resets: false,
};
