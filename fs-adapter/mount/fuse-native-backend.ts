import { FerryError } from '../../core/model/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { Calls } from './calls.ts';
import { loadFuse } from './fuse-library.ts';
import { operationsOf } from './fuse-native-operations.ts';
import { correctTimes } from './fuse-native-times.ts';
import { answerAttributes } from './fuse-native-xattr.ts';
import type { MountBackend, MountCapabilities, Mounted, MountRequest } from './mount-backend.ts';

const MOUNT_DEADLINE_MS = 10_000;
const SAFE_SOURCE = /^[A-Za-z0-9.:_-]+$/;

/**
 * Mount options that fuse-native has no setting for; they reach libfuse because it joins all of them with commas.
 * Attributes are not cached, as nothing can tell the kernel that a file has changed.
 */
const OPTIONS = [
  'big_writes',
  'atomic_o_trunc',
  'use_ino',
  'attr_timeout=0',
  'ac_attr_timeout=0',
  'entry_timeout=0.5',
  'negative_timeout=0',
  'nosuid',
  'nodev',
];

/** What is left of its faults, after all that is done about them here (docs/drive.md). */
export const FUSE_NATIVE_CAPABILITIES: MountCapabilities = {
  passthrough: false,
  readdirplus: false,
  invalidates: false,
  notifies: false,
  placeholders: true,
  partialFetch: true,
  timePrecisionNs: 1_000_000n,
  setsModifiedAlone: false,
  accessTimes: false,
  renameFlags: false,
  rawNames: false,
  specials: false,
  holes: false,
  preallocates: false,
  hardLinks: false,
  owners: false,
  interruptible: false,
  leaksDeviceToChildren: true,
};

/** Returns the backend on fuse-native 2.2.6, and libfuse 2 below it. */
export function createFuseNativeBackend(logger: Logger): MountBackend {
  return {
    name: 'fuse-native',
    capabilities: FUSE_NATIVE_CAPABILITIES,
    mount: (request) => mount(request, logger),
  };
}

async function mount(request: MountRequest, logger: Logger): Promise<Mounted> {
  const { mountPoint, source, files, readOnly, allowOthers } = request;
  // Anything else could smuggle in options of its own.
  if (!SAFE_SOURCE.test(source))
    throw new FerryError('CONFIG_INVALID', `not a usable name for a mount: ${source}`);
  const FuseClass = await loadFuse();
  const calls = new Calls(files, logger);
  const options = [source, ...OPTIONS, ...(readOnly ? ['ro'] : [])];
  const fuse = new FuseClass(mountPoint, operationsOf(files, calls), {
    timeout: false,
    fsname: options.join(','),
    subtype: 'ferry',
    defaultPermissions: true,
    allowOther: allowOthers,
  });
  correctTimes(fuse);
  answerAttributes(fuse, files, calls);
  await withDeadline(mountPoint, (done) => fuse.mount(done));
  return {
    get operations() {
      return calls.answered;
    },
    async detached() {
      // The kernel has let go already; what is left to do is native bookkeeping, without the shell it would run.
      FuseClass.unmount = (_, done) => done(null);
      await new Promise<void>((resolve) => fuse.unmount(() => resolve()));
    },
  };
}

function withDeadline(
  mountPoint: string,
  start: (done: (error: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(
        new FerryError(
          'MOUNT_UNAVAILABLE',
          `${mountPoint} cannot be mounted: ${cause instanceof Error ? cause.message : cause}; ferry doctor says more`,
          { path: mountPoint, cause },
        ),
      );
    const timer = setTimeout(() => fail('the kernel does not answer'), MOUNT_DEADLINE_MS);
    start((error) => {
      clearTimeout(timer);
      if (error === null || error === undefined) resolve();
      else fail(error);
    });
  });
}
