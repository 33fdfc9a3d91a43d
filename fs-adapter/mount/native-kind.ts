import { setTimeout as delay } from 'node:timers/promises';
import { FerryError } from '../../core/model/errors.ts';
import { loadDriveAddon } from '../../native/drive-addon.ts';
import { advised, openDriveStore } from '../cache/drive-store.ts';
import { reasonAgainstFuse } from './fuse-device.ts';
import type { MountCapabilities } from './mount-backend.ts';
import { NativeTree } from './native-tree.ts';
import type { ShownTree, TreeKind, TreeOptions } from './shown-tree.ts';

/** Programs that use a drive which was taken away lazily have so long to end; their calls fail then. */
const LEAVE_MS = 1000;

/** What the addon can do; whether it may let the kernel read by itself is known once a file was opened. */
export const NATIVE_CAPABILITIES: MountCapabilities = {
  passthrough: true,
  readdirplus: true,
  invalidates: true,
  notifies: true,
  placeholders: true,
  partialFetch: true,
  timePrecisionNs: 1n,
  setsModifiedAlone: true,
  accessTimes: true,
  renameFlags: true,
  rawNames: true,
  specials: true,
  holes: true,
  preallocates: true,
  hardLinks: false,
  owners: false,
  interruptible: true,
  leaksDeviceToChildren: false,
};

/** The tree in the addon's memory, shown by its threads. */
export const NATIVE_KIND: TreeKind = {
  name: 'native',
  async reasonAgainst() {
    if (process.platform !== 'linux') return 'it is for Linux only';
    if (loadDriveAddon() === null) return 'the addon is not built (npm run install builds it)';
    return reasonAgainstFuse('fusermount3');
  },
  open: openNativeTree,
};

async function openNativeTree(options: TreeOptions): Promise<ShownTree> {
  const tree = await loadNativeTree(options);
  return {
    tree,
    get capabilities() {
      return { ...NATIVE_CAPABILITIES, passthrough: tree.stats.passthrough === 0 };
    },
    get passthrough() {
      return tree.stats.passthrough;
    },
    files: null,
    async show(request) {
      const before = tree.stats.operations;
      await tree.mount(request);
      return {
        get operations() {
          return tree.stats.operations - before;
        },
        async detached() {
          const ended = tree.detached();
          const isEnded = ended.then(() => true);
          if (await Promise.race([isEnded, delay(LEAVE_MS, false, { ref: false })])) return;
          await tree.leave();
          await ended;
        },
      };
    },
  };
}

async function loadNativeTree({ stallMs, ...options }: TreeOptions): Promise<NativeTree> {
  const store = await openDriveStore(options.stateDirectory);
  try {
    const tree = await NativeTree.open({ ...options, store, deadlineMs: stallMs });
    if (tree !== null) return tree;
    throw new FerryError('MOUNT_UNAVAILABLE', 'the addon that shows drives is not built');
  } catch (error) {
    await store.close();
    throw advised(error, options.stateDirectory);
  }
}
