import type { Parts } from './parts.ts';

// biome-ignore lint/suspicious/noExplicitAny: replaced by typed imports as the parts land
const load = (path: string): Promise<any> => import(new URL(path, import.meta.url).href);

/** Returns the parts that the program is made of. */
export function realParts(): Parts {
  return {
    createPairEngine: async (options) =>
      (await import('../core/engine/create-pair-engine.ts')).createPairEngine(options),
    openFolderReplica: async (options) =>
      (await import('../fs-adapter/folder/folder-replica.ts')).openFolderReplica(options),
    openWebdavReplica: async (options) =>
      (await load('../remotes/webdav/webdav-replica.js')).openWebdavReplica(options),
    probeWebdav: async (options) => (await load('../remotes/webdav/probe.js')).probeWebdav(options),
    openDrive: async (options) => (await import('../fs-adapter/mount/drive.ts')).openDrive(options),
    isMountAvailable: async () =>
      (await import('../fs-adapter/mount/fuse-library.ts')).isMountAvailable(),
  };
}
