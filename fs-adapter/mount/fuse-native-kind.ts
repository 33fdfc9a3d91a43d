import { BackingFiles } from '../cache/backing-files.ts';
import { DriveFiles } from '../cache/drive-files.ts';
import { DriveLog } from '../cache/drive-log.ts';
import { advised, openDriveStore } from '../cache/drive-store.ts';
import { loadTable } from '../cache/script-load.ts';
import { ScriptTree } from '../cache/script-tree.ts';
import { reasonAgainstLibrary } from './fuse-library.ts';
import { createFuseNativeBackend } from './fuse-native-backend.ts';
import type { ShownTree, TreeKind, TreeOptions } from './shown-tree.ts';

/** The tree in JavaScript's memory, shown by fuse-native. */
export const FUSE_NATIVE_KIND: TreeKind = {
  name: 'fuse-native',
  reasonAgainst: reasonAgainstLibrary,
  open: openScriptTree,
};

async function openScriptTree(options: TreeOptions): Promise<ShownTree> {
  const { stateDirectory, readOnly, allowSymlinks, logger } = options;
  const tree = await loadScriptTree(options);
  const backend = createFuseNativeBackend(logger);
  const files = new DriveFiles({ tree, stateDirectory, readOnly, allowSymlinks });
  return {
    tree,
    capabilities: backend.capabilities,
    files,
    show: (request) => backend.mount({ ...request, readOnly, files }),
  };
}

async function loadScriptTree({
  stateDirectory,
  need,
  clock,
  logger,
}: TreeOptions): Promise<ScriptTree> {
  const store = await openDriveStore(stateDirectory);
  try {
    const log = await DriveLog.open(stateDirectory);
    const backing = new BackingFiles(stateDirectory);
    const { table, identity } = await loadTable({
      store,
      log,
      backing,
      stateDirectory,
      clock,
      logger,
    });
    const release = (): Promise<void> => store.close();
    return new ScriptTree({ identity, table, backing, need, clock, logger, release });
  } catch (error) {
    await store.close();
    throw advised(error, stateDirectory);
  }
}
