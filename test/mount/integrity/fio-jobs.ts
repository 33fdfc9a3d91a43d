import type { ProgramCheck } from './outside-programs.ts';

const SHARED = [
  '--size=16m',
  '--fallocate=none',
  '--verify=crc32c',
  '--verify_fatal=1',
  '--do_verify=1',
  '--minimal',
];

/** Each writes a file in some way and reads it back, every block with its checksum, place and number. */
const JOBS: Readonly<Record<string, readonly string[]>> = {
  'written in order': ['--rw=write', '--bs=128k', '--ioengine=psync'],
  'written in pieces of any size': [
    '--rw=write',
    '--bsrange=1k-256k',
    '--bs_unaligned',
    '--ioengine=sync',
  ],
  'written at random': ['--rw=randwrite', '--bs=4k', '--ioengine=psync', '--fsync=512'],
  'read and written at random': [
    '--rw=randrw',
    '--bs=4k',
    '--ioengine=psync',
    '--verify_backlog=256',
  ],
  'written through a mapping': ['--rw=randwrite', '--bs=4k', '--ioengine=mmap'],
  'read and written through a mapping': [
    '--rw=randrw',
    '--bs=16k',
    '--ioengine=mmap',
    '--verify_backlog=128',
  ],
  'written past the page cache, many at once': [
    '--rw=randwrite',
    '--bs=4k',
    '--ioengine=libaio',
    '--iodepth=16',
    '--direct=1',
  ],
  'four files at once': [
    '--rw=randrw',
    '--bs=8k',
    '--ioengine=psync',
    '--numjobs=4',
    '--size=8m',
    '--verify_backlog=64',
  ],
};

/** Returns the jobs, or some of them, each a check of its own; `sizeBytes` for each file instead of 16 MiB. */
export function fioChecks(
  names: readonly string[] = Object.keys(JOBS),
  sizeBytes: number | null = null,
): readonly ProgramCheck[] {
  const jobs = Object.entries(JOBS).filter(([name]) => names.includes(name));
  const size = sizeBytes === null ? [] : [`--size=${sizeBytes}`];
  return jobs.map(([name, job]) => ({
    name,
    program: 'fio',
    args: (directory) => ['--name=verify', `--directory=${directory}`, ...SHARED, ...job, ...size],
  }));
}
