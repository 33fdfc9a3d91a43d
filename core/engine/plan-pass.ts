import { timestampOf } from '../model/conflict-name.ts';
import type { Clock } from '../ports.ts';
import type { BaseNode, Plan, Policy } from '../reconcile/plan.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { baseToken, type PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import type { PairView } from './observe-pair.ts';
import type { PairSettings } from './pair-settings.ts';

/** Returns the plan for what was observed, by the pair's settings. */
export function planFor(
  context: {
    readonly records: Records;
    readonly settings: PairSettings;
    readonly clock: Clock;
  },
  { views, directories }: PairView,
): Plan {
  const { records, settings } = context;
  const policy: Policy = {
    deletes: records.state.resetting ? 'hold' : settings.deletes,
    mirror: settings.mirror && !records.state.resetting,
    transferEqual: records.state.resetting,
    device: settings.deviceName,
    timestamp: timestampOf(context.clock.now()),
  };
  const base: BaseNode[] = [];
  for (const id of directories.values())
    for (const record of records.childrenOf(id)) base.push(baseNodeOf(record));
  return reconcile({
    base,
    local: views.local.tree,
    remote: views.remote.tree,
    direction: settings.direction,
    policy,
  });
}

function baseNodeOf(record: PairRecord): BaseNode {
  const { id, parentId, name, kind, sizeBytes, local, remote } = record;
  return {
    id,
    parentId,
    name,
    kind,
    content: baseToken(record),
    sizeBytes,
    identity: {
      ...(local.identity === undefined ? {} : { local: local.identity }),
      ...(remote.identity === undefined ? {} : { remote: remote.identity }),
    },
  };
}
