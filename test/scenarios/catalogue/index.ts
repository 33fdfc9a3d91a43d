import type { StepScenario } from '../../support/scenario-steps.ts';
import { CONTENTS } from './contents.ts';
import { INTERRUPTIONS } from './interruptions.ts';
import { MOVES } from './moves.ts';
import { NAMES } from './names.ts';

/** Every scenario. */
export const CATALOGUE: readonly StepScenario[] = [
  ...CONTENTS,
  ...MOVES,
  ...NAMES,
  ...INTERRUPTIONS,
];
