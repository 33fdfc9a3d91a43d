import type { Direction, Side } from '../../core/model/entry.ts';
import { isNotice } from '../../core/model/problem.ts';
import type { MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import type { ScenarioPair, ScenarioRun, ScenarioSide, UserEdit } from './scenario-steps.ts';
import { SyncWorld } from './sync-world.ts';

const LOOKING = new Set(['observe', 'read', 'stat', 'identify']);

/** Opens a pair of two trees in memory. */
export async function openMemoryScenario(
  direction: Direction,
  remote: MemoryReplicaOptions,
): Promise<ScenarioPair> {
  const world = await SyncWorld.open({ direction, remote });
  const sync = async (): Promise<ScenarioRun> => {
    const { complete, problems } = await world.sync();
    return {
      changes: world.calls
        .filter(({ operation }) => !LOOKING.has(operation))
        .map(({ side, operation, path }) => `${operation} ${side} ${path}`),
      complete,
      unholdable: problems.filter((problem) => isNotice(problem)).map(({ path }) => path),
      problems: problems.filter((problem) => !isNotice(problem)).map(({ message }) => message),
    };
  };
  return {
    sides: { local: sideOf(world, 'local'), remote: sideOf(world, 'remote') },
    sync,
    async crash(after) {
      world.failAfter = after;
      // Where it ends does not matter, also not when it was shorter than that.
      await world.sync().catch(() => undefined);
      world.failAfter = null;
    },
    restart: () => world.restart(),
    close: () => world.close(),
  };
}

function sideOf(world: SyncWorld, side: Side): ScenarioSide {
  return {
    async apply(edit) {
      applyTo(world, side, edit);
    },
    snapshot: async () => world.snapshot(side),
  };
}

function applyTo(world: SyncWorld, side: Side, [kind, path, more = '']: UserEdit): void {
  if (kind === 'write') world.write(side, path, more);
  if (kind === 'remove') world.remove(side, path);
  if (kind === 'make') world.makeDirectory(side, path);
  if (kind === 'link') world.makeLink(side, path, more);
  if (kind === 'move') world.move(side, path, more);
  if (kind === 'touch') world.write(side, path, world.snapshot(side)[path] ?? '', { mtimeNs: 7n });
  if (kind !== 'swap') return;
  world.move(side, path, 'spare');
  world.move(side, more, path);
  world.move(side, 'spare', more);
}
