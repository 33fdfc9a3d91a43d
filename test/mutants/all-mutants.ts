import { ENGINE_MUTANTS } from './data/engine.ts';
import { FEED_MUTANTS } from './data/feed.ts';
import { OBSERVATION_MUTANTS } from './data/observation.ts';
import { RECONCILE_MUTANTS } from './data/reconcile.ts';
import { RECORD_MUTANTS } from './data/records.ts';
import { RULE_MUTANTS } from './data/rules.ts';
import { TRANSFER_MUTANTS } from './data/transfer.ts';
import type { Mutant } from './mutant.ts';

/** Every planted bug. */
export const MUTANTS: readonly Mutant[] = [
  ...RECONCILE_MUTANTS,
  ...RULE_MUTANTS,
  ...TRANSFER_MUTANTS,
  ...RECORD_MUTANTS,
  ...ENGINE_MUTANTS,
  ...OBSERVATION_MUTANTS,
  ...FEED_MUTANTS,
];
