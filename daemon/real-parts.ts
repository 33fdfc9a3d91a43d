import type { Parts } from './parts.ts';

// biome-ignore lint/suspicious/noExplicitAny: replaced by typed imports as the parts land
const load = (path: string): Promise<any> => import(new URL(path, import.meta.url).href);

/** Returns the parts that the program is made of. */
export function realParts(): Parts {
  return {
    createPairEngine: async (options) =>
      (await load('../core/engine/create-pair-engine.js')).createPairEngine(options),
    openFolderReplica: async (options) =>
      (await load('../fs-adapter/folder/folder-replica.js')).openFolderReplica(options),
    openWebdavReplica: async (options) =>
      (await load('../remotes/webdav/webdav-replica.js')).openWebdavReplica(options),
    probeWebdav: async (options) => (await load('../remotes/webdav/probe.js')).probeWebdav(options),
    openDrive: async (options) => (await load('../fs-adapter/mount/drive.js')).openDrive(options),
    isMountAvailable: async () => (await load('../fs-adapter/mount/drive.js')).isMountAvailable(),
  };
}
