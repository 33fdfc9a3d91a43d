import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import type { ConformanceSetting, OutsideAccess } from '../../conformance/replica-conformance.ts';
import type { Backend } from '../../native/backends.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** Plain access to a directory. */
export function outsideOf(root: string): OutsideAccess {
  const at = (path: string) => join(root, path);
  return {
    async write(path, content) {
      await fs.mkdir(dirname(at(path)), { recursive: true });
      await fs.writeFile(at(path), content);
    },
    async makeDirectory(path) {
      await fs.mkdir(at(path), { recursive: true });
    },
    read: (path) => fs.readFile(at(path)).catch(() => null),
    async list(path) {
      return (await fs.readdir(at(path))).filter((name) => name !== '.ferry');
    },
    remove: (path) => fs.rm(at(path), { recursive: true }),
  };
}

export interface FolderSetting extends ConformanceSetting {
  readonly absolutePath: string;
}

/** Opens a replica on a fresh directory. */
export async function folderSetting(backend: Backend): Promise<FolderSetting> {
  const directory = await temporaryDirectory('ferry-folder');
  const absolutePath = join(directory.path, 'root');
  const replica = await openFolderReplica({
    absolutePath,
    deviceName: 'laptop',
    clock: realClock,
    logger: quietLogger,
    backend,
  });
  await replica.identify({ create: true });
  return {
    absolutePath,
    replica,
    outside: outsideOf(absolutePath),
    settle: () => new Promise((resolve) => setTimeout(resolve, 12)),
    async close() {
      await replica.close();
      await directory.close();
    },
  };
}
