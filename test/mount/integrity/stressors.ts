import type { ProgramCheck } from './outside-programs.ts';

/**
 * The file system stressors of stress-ng 0.15 that pass on ext4 as root and without, and what they need to be quick. `link` is not
 * among them: a drive has no hard links.
 */
const STRESSORS: Readonly<Record<string, readonly string[]>> = {
  access: [],
  aio: [],
  chdir: ['--chdir-dirs', '256'],
  chmod: [],
  chown: [],
  close: [],
  'copy-file': ['--copy-file-bytes', '128m'],
  dentry: ['--dentries', '256'],
  dir: ['--dir-dirs', '256'],
  dirdeep: ['--dirdeep-dirs', '1', '--dirdeep-inodes', '500'],
  dirmany: [],
  dup: [],
  fallocate: ['--fallocate-bytes', '16m'],
  fiemap: ['--fiemap-bytes', '16m'],
  'file-ioctl': [],
  filename: ['--filename-opts', 'posix'],
  flock: [],
  fpunch: [],
  fsize: [],
  fstat: [],
  getdent: [],
  handle: [],
  hdd: ['--hdd-bytes', '16m'],
  inotify: [],
  io: [],
  iomix: ['--iomix-bytes', '16m'],
  lease: [],
  locka: [],
  lockf: [],
  lockofd: [],
  mknod: [],
  mmap: ['--mmap-bytes', '16m', '--mmap-file'],
  msync: ['--msync-bytes', '8m'],
  open: ['--open-max', '500'],
  readahead: ['--readahead-bytes', '16m'],
  rename: [],
  revio: ['--revio-bytes', '16m'],
  seek: ['--seek-size', '16m'],
  sendfile: ['--sendfile-size', '1m'],
  splice: [],
  symlink: [],
  'sync-file': ['--sync-file-bytes', '16m'],
  touch: [],
  utime: [],
  xattr: [],
};

/** Returns the checks, each stressor by itself. */
export function stressorChecks(): readonly ProgramCheck[] {
  return Object.keys(STRESSORS).map((name) => ({
    name,
    program: 'stress-ng',
    args: (directory, seconds) => argumentsFor([name], directory, seconds),
  }));
}

/** Returns one check that runs some stressors at once. */
export function stressorsTogether(names: readonly string[]): ProgramCheck {
  return {
    name: names.join(', '),
    program: 'stress-ng',
    args: (directory, seconds) => argumentsFor(names, directory, seconds),
  };
}

function argumentsFor(
  names: readonly string[],
  directory: string,
  seconds: number,
): readonly string[] {
  return [
    ...names.flatMap((name) => [`--${name}`, '1', ...(STRESSORS[name] ?? [])]),
    ...['--timeout', String(seconds), '--verify', '--temp-path', directory],
  ];
}
