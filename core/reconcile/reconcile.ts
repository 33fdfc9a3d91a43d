import type { Plan, ReconcileInput } from './plan.ts';

/** Returns the plan of one run: pure, deterministic, without I/O. Rules: docs/sync-semantics.md. */
export function reconcile(_input: ReconcileInput): Plan {
  throw new Error('not there yet');
}
