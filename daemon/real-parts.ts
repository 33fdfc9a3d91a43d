import type { ProbeResult } from '../remotes/webdav/probe-result.ts';
import type { Parts } from './parts.ts';

/** Returns the parts that the program is made of. */
export function realParts(): Parts {
  return {
    createPairEngine: async (options) =>
      (await import('../core/engine/create-pair-engine.ts')).createPairEngine(options),
    openFolderReplica: async (options) =>
      (await import('../fs-adapter/folder/folder-replica.ts')).openFolderReplica(options),
    openWebdavReplica: async ({ probe, ...options }) => {
      const { openWebdavReplica } = await import('../remotes/webdav/webdav-replica.ts');
      // The replica looks at the format itself, and probes again where it is not the one of today.
      const known = probe === undefined ? {} : { probe: probe as ProbeResult };
      return openWebdavReplica({ ...options, ...known });
    },
    lookAtCertificate: async (url) =>
      (await import('../remotes/webdav/tls.ts')).lookAtCertificate(url),
    probeWebdav: async (options) =>
      (await import('../remotes/webdav/probe.ts')).probeWebdav(options),
    openDrive: async (options) => (await import('../fs-adapter/mount/drive.ts')).openDrive(options),
    isMountAvailable: async (kind) =>
      (await import('../fs-adapter/mount/choose-kind.ts')).isMountAvailable(kind),
  };
}
