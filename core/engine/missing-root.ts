import type { Direction, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';

export type Replicas = Readonly<Record<Side, Replica>>;

/**
 * Returns the replicas of a dry run: a destination that a first run would make is an empty tree. What is missing
 * otherwise is left to the guards.
 */
export async function withRootsToMake(
  replicas: Replicas,
  records: Records,
  { direction, signal }: { readonly direction: Direction; readonly signal: AbortSignal },
): Promise<Replicas> {
  if (records.size > 0 || records.state.roots.local !== null) return replicas;
  const seen = async (side: Side): Promise<Replica> => {
    const isMaster = direction === (side === 'local' ? 'local-to-remote' : 'remote-to-local');
    if (isMaster) return replicas[side];
    try {
      await replicas[side].identify({ signal });
      return replicas[side];
    } catch (error) {
      const code = error instanceof FerryError ? error.code : null;
      if (code !== 'LOCAL_ROOT_MISSING' && code !== 'REMOTE_NOT_FOUND') throw error;
      return emptyTree(replicas[side]);
    }
  };
  return { local: await seen('local'), remote: await seen('remote') };
}

/** Stands for a root that is not there yet; nothing can be done with it but look. */
function emptyTree({ capabilities, changes$ }: Replica): Replica {
  const refuse = async (): Promise<never> => {
    throw new FerryError('INTERNAL', 'a dry run changes nothing');
  };
  return {
    capabilities,
    changes$,
    identify: async () => ({ id: null }),
    async *observe() {
      // Nothing is there.
    },
    stat: async () => null,
    read: refuse,
    writeMany: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
    makeDirectory: refuse,
    makeLink: refuse,
    move: refuse,
    remove: refuse,
    setMetadata: refuse,
    flush: async () => undefined,
    close: async () => undefined,
  };
}
