import { FUSE_NATIVE_CAPABILITIES } from '../../fs-adapter/mount/fuse-native-backend.ts';
import type { MountCapabilities } from '../../fs-adapter/mount/mount-backend.ts';
import { NATIVE_CAPABILITIES } from '../../fs-adapter/mount/native-kind.ts';

/** A way to show files, what it can do, and where it is known to differ from a disk beyond that. */
export interface ShownWay {
  /** What shows the drive; null: a directory of this machine's own disk, which the table is held against. */
  readonly backend: 'native' | 'fuse-native' | 'folder' | null;
  readonly capabilities: MountCapabilities;
  /** By the name of the case in the POSIX table, why it is not met: tests fail when one of them is met after all. */
  readonly gaps: Readonly<Record<string, string>>;
  /** Gaps that are seen only when somebody looks at the wrong moment. */
  readonly passing?: readonly string[];
}

/** A way to show a drive. */
export type DriveWay = ShownWay & { readonly backend: NonNullable<ShownWay['backend']> };

const DISK: MountCapabilities = {
  passthrough: true,
  readdirplus: true,
  invalidates: true,
  notifies: true,
  placeholders: false,
  partialFetch: false,
  timePrecisionNs: 1n,
  setsModifiedAlone: true,
  accessTimes: true,
  renameFlags: true,
  rawNames: true,
  specials: true,
  holes: true,
  preallocates: true,
  hardLinks: true,
  owners: true,
  interruptible: true,
  leaksDeviceToChildren: false,
};

const PATHS_ONLY = 'libfuse 2 asks by path, and the path is gone';
const LINKS_OF_DIRECTORIES = 'every directory is shown with 2 links';

export const DRIVE_WAYS = {
  native: { backend: 'native', capabilities: NATIVE_CAPABILITIES, gaps: {} },
  folder: { backend: 'folder', capabilities: DISK, gaps: {} },
  'fuse-native': {
    backend: 'fuse-native',
    capabilities: FUSE_NATIVE_CAPABILITIES,
    gaps: {
      'mkdir: a directory in a directory is one link more of it': LINKS_OF_DIRECTORIES,
      'rename: of a directory moves a link between the parents': LINKS_OF_DIRECTORIES,
      'rename: onto an empty directory replaces it': LINKS_OF_DIRECTORIES,
      'rmdir: an open directory goes; its handle finds nothing and has no links': PATHS_ONLY,
      'rmdir: who works in a directory that goes keeps standing there': PATHS_ONLY,
      'unlink: a removed file is read on after its directory was removed too': PATHS_ONLY,
      'unlink: an open file has no links any more, and its ctime moves on':
        'libfuse 2 renames what is removed while it is open',
      'rename: who looks never finds the name missing while it is replaced':
        'a rename over an open file is two renames in libfuse 2',
      'readdir: a directory lists itself and its parent, with their inode numbers':
        'the binding lists names without numbers',
      'readdir: names come with the kind and inode number that stat gives':
        'the binding lists names without numbers',
    },
    passing: ['rename: who looks never finds the name missing while it is replaced'],
  },
} as const satisfies Readonly<Record<string, DriveWay>>;

/** What the POSIX table is held against: a folder is no other than the disk. */
export const SHOWN_WAYS: Readonly<Record<string, ShownWay>> = {
  disk: { backend: null, capabilities: DISK, gaps: {} },
  'fuse-native': DRIVE_WAYS['fuse-native'],
  native: DRIVE_WAYS.native,
  // As for whoever is not root.
  'native without passthrough': {
    ...DRIVE_WAYS.native,
    capabilities: { ...NATIVE_CAPABILITIES, passthrough: false },
  },
};

const SAME_NAMES = [
  'accessTimes',
  'hardLinks',
  'holes',
  'owners',
  'preallocates',
  'rawNames',
  'renameFlags',
  'setsModifiedAlone',
  'specials',
] as const satisfies readonly (keyof MountCapabilities)[];

/** Returns the features, in the table's words, that are to be expected of a way to show files. */
export function featuresOf({ backend, capabilities }: ShownWay): readonly string[] {
  return [
    ...SAME_NAMES.filter((name) => capabilities[name]),
    ...(capabilities.timePrecisionNs === 1n ? ['nsTimes'] : []),
    ...(backend === null ? ['tmpfile'] : ['ferryState']),
    ...(backend === 'fuse-native' ? ['pathsOnly'] : []),
    // Thousands of files take long where each call goes through JavaScript, and on a disk that others use too.
    ...(backend === 'native' ? ['quick'] : []),
    ...(process.getuid?.() === 0 ? ['otherUsers'] : []),
  ];
}
