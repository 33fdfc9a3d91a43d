import { join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import type { Replica } from '../../core/ports.ts';
import { resolveHome } from '../../daemon/home.ts';
import { SILENT } from '../../daemon/log-file.ts';
import type { Workshop } from '../../daemon/open-replicas.ts';
import type { Parts } from '../../daemon/parts.ts';
import { realParts } from '../../daemon/real-parts.ts';
import { systemClock } from '../../daemon/system-clock.ts';
import { createMemoryReplica, type MemoryReplica } from '../../remotes/memory/memory-replica.ts';

/** Parts whose replicas are in memory, with the real engine and real records. */
export interface MemoryParts extends Parts {
  /** The tree at a folder's path or a URL. */
  at(address: string): MemoryReplica;
  /** URLs and paths that cannot be reached now. */
  readonly offline: Set<string>;
}

/** Returns parts that stay in memory as long as the test holds them. */
export function createMemoryParts(): MemoryParts {
  const replicas = new Map<string, MemoryReplica>();
  const offline = new Set<string>();
  const at = (address: string) => {
    const found =
      replicas.get(address) ??
      createMemoryReplica({
        rootId: address,
        before: () => {
          if (offline.has(address)) throw new FerryError('REMOTE_UNREACHABLE', 'no route to host');
        },
      });
    replicas.set(address, found);
    return found;
  };
  const open = async (address: string): Promise<Replica> => {
    if (offline.has(address)) throw new FerryError('REMOTE_UNREACHABLE', 'no route to host');
    const replica = at(address);
    // The tree outlives the session that opened it.
    return new Proxy(replica, {
      get: (target, key) => {
        if (key === 'close') return async () => undefined;
        const member = Reflect.get(target, key, target) as unknown;
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
  return {
    ...realParts(),
    at,
    offline,
    openFolderReplica: ({ absolutePath }) => open(absolutePath),
    openWebdavReplica: ({ url }) => open(url),
    probeWebdav: async () => ({ proven: true }),
    openDrive: async () => {
      throw new FerryError('MOUNT_UNAVAILABLE', 'no drives in memory');
    },
    isMountAvailable: async () => ({ available: false, reason: 'this is a test' }),
  };
}

/** Returns a workshop whose home is `directory`. */
export function memoryWorkshop(directory: string, parts: Parts): Workshop {
  const environment = { FERRY_HOME: join(directory, 'home'), FERRY_DEVICE: 'test' };
  return {
    parts,
    home: resolveHome(environment),
    environment,
    cwd: directory,
    clock: systemClock,
    logger: SILENT,
  };
}
