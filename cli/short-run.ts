import { setFlagsFromString } from 'node:v8';

/** Bytecodes that a function runs before it is optimized; V8 takes 67,584. */
const PATIENCE = 500_000;

/**
 * Makes V8 wait longer before it optimizes code, for a process that ends soon: of the CPU time of a run with 10,000
 * files, its compiler took a fifth. What a long run repeats is optimized all the same.
 */
export function expectShortRun(): void {
  setFlagsFromString(`--interrupt-budget=${PATIENCE}`);
}
