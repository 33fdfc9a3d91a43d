import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isReadable, programPath } from '../support/servers/real-server.ts';
import { command } from './native-programs.ts';

const run = promisify(execFile);

/** File systems that power cuts are tried on; without auto_da_alloc, ext4 does not save careless programs. */
export const FILE_SYSTEMS = ['ext4', 'ext4-noauto', 'xfs'] as const;

export type FileSystem = (typeof FILE_SYSTEMS)[number];

const MIB = 1024 * 1024;
/** XFS makes nothing smaller; the image has holes. */
const SIZE_BYTES: Readonly<Record<FileSystem, number>> = {
  ext4: 32 * MIB,
  'ext4-noauto': 32 * MIB,
  xfs: 320 * MIB,
};

// Everything is written when the file system is made: nothing goes on in the background later.
const EXT4_ARGS = ['-q', '-F', '-b', '4096', '-J', 'size=4'];
const EXT4_EAGER = ['-E', 'lazy_itable_init=0,lazy_journal_init=0'];

const MOUNT_OPTIONS: Readonly<Record<FileSystem, string>> = {
  ext4: 'noatime,commit=1',
  'ext4-noauto': 'noatime,commit=1,noauto_da_alloc',
  xfs: 'noatime,nouuid',
};

/** The Debian packages of what is needed besides the base system. */
const PACKAGES: Readonly<Record<string, string>> = {
  losetup: 'mount',
  mount: 'mount',
  umount: 'mount',
  'mkfs.ext4': 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  xfs_repair: 'xfsprogs',
  fusermount3: 'fuse3',
  'pkg-config': 'pkg-config',
};

function missingReason(programs: readonly string[]): string | null {
  const missing = programs.filter((each) => programPath(each) === null);
  if (missing.length === 0) return null;
  const packages = new Set(missing.map((each) => PACKAGES[each]));
  return `${missing.join(', ')} missing: apt-get install ${[...packages].join(' ')}`;
}

/** Returns why no disk image can be mounted here; null when one can. */
export function noDisksReason(): string | null {
  if (process.getuid?.() !== 0) return 'mounting disk images needs root';
  return missingReason(['losetup', 'mkfs.ext4', 'mount', 'umount']);
}

/** Returns why no disk can be recorded here; null when one can. */
export function noRecordingReason(kinds: readonly FileSystem[]): string | null {
  const ofXfs = kinds.includes('xfs') ? ['mkfs.xfs', 'xfs_repair'] : [];
  const programs = ['e2fsck', 'fusermount3', 'pkg-config', ...ofXfs];
  const hasFuse = isReadable('/dev/fuse') && isReadable('/usr/include/fuse3/fuse.h');
  return (
    noDisksReason() ??
    missingReason(programs) ??
    (hasFuse ? null : '/dev/fuse or the headers of FUSE missing: apt-get install libfuse3-dev')
  );
}

/** Makes a disk image with an empty file system. */
export async function makeDisk(image: string, kind: FileSystem): Promise<void> {
  const file = await open(image, 'w');
  await file.truncate(SIZE_BYTES[kind]).finally(() => file.close());
  if (kind === 'xfs') await command('mkfs.xfs', '-q', '-f', image);
  else await command('mkfs.ext4', ...EXT4_ARGS, ...EXT4_EAGER, image);
}

/** Copies an image with its holes. */
export async function copyDisk(from: string, to: string): Promise<void> {
  await command('cp', '--sparse=always', '--reflink=auto', from, to);
}

/** Mounts an image (or a loop device) at a directory. */
export async function mountDisk(image: string, at: string, kind: FileSystem): Promise<void> {
  const loop = image.startsWith('/dev/') ? '' : 'loop,';
  await command(
    'mount',
    '-t',
    kind === 'xfs' ? 'xfs' : 'ext4',
    '-o',
    `${loop}${MOUNT_OPTIONS[kind]}`,
    image,
    at,
  );
}

/** Unmounts what is mounted at a directory. */
export async function unmountDisk(at: string): Promise<void> {
  await command('umount', at);
}

/** Returns what the file system's own checker complains about in an image that is not mounted; null when nothing. */
export async function complaintOf(image: string, kind: FileSystem): Promise<string | null> {
  const [program, args] =
    kind === 'xfs'
      ? (['xfs_repair', ['-n', '-f', image]] as const)
      : (['e2fsck', ['-fn', image]] as const);
  try {
    await run(programPath(program) ?? program, [...args], { timeout: 60_000 });
    return null;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout ?? ''}${stderr ?? ''}`.slice(0, 2000) || String(error);
  }
}
