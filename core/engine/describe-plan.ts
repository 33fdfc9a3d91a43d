import type { Plan } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import { pathOfRecord } from './follow-conflicts.ts';
import type { IsIgnored } from './ignore-rules.ts';
import type { RunTally } from './run-progress.ts';

export interface DescribePlanOptions {
  readonly plan: Plan;
  readonly records: Records;
  readonly isIgnored: IsIgnored;
  readonly tally: RunTally;
}

/** Adds to a dry run's summary what the plan would do, and which recorded entries it would no longer know. */
export function describePlan({ plan, records, isIgnored, tally }: DescribePlanOptions): void {
  const nodes = new Map(plan.nodes.map((node) => [node.key, node]));
  for (const side of ['local', 'remote'] as const)
    for (const operation of plan.operations[side]) {
      const node = nodes.get(operation.key);
      if (node) tally.done(operation, side, node);
    }
  for (const { baseId, record, kind, local, remote, reason, adopts } of plan.nodes) {
    if (adopts) tally.adopted++;
    if (record !== 'drop' || baseId === null || local.from !== null || remote.from !== null)
      continue;
    const path = pathOfRecord(records, baseId);
    if (path === undefined) continue;
    const rule = isIgnored(path, kind === 'directory')
      ? 'ignored from now on; it stays where it is'
      : reason.rule;
    const { local: mine, remote: theirs } = reason;
    tally.actions.push({ action: 'forget', path, reason: rule, local: mine, remote: theirs });
  }
}
