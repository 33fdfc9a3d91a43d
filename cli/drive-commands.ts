import { DIRECTION } from './command-flags.ts';
import type { CommandSpec } from './command-spec.ts';

/** The commands about drives. */
export const DRIVE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'mount',
    args: '<remote> <dir>',
    summary: 'show the whole tree of a remote at DIR',
    completes: 'files',
    flags: [
      DIRECTION,
      { flags: '--read-only', summary: 'nothing can be changed through the drive' },
      { flags: '--foreground', summary: 'without the daemon, until Ctrl-C' },
      { flags: '--allow-other', summary: 'other users of this machine may use it too' },
      { flags: '--fallback', summary: 'a watched folder, also where drives can be mounted' },
      {
        flags: '--cache-limit <size>',
        summary: 'contents take no more here, such as 20GiB; off: the default',
      },
      {
        flags: '--keep-free <size>',
        summary: 'so much of the disk stays free (5%, at most 5 GiB); off: the default',
      },
    ],
    load: async () => (await import('./commands/mount.ts')).mount,
  },
  {
    name: 'unmount',
    args: '<dir>',
    summary: 'take a drive away',
    completes: 'files',
    flags: [{ flags: '--lazy', summary: 'also while programs use it' }],
    load: async () => (await import('./commands/mount.ts')).unmount,
  },
  {
    name: 'pin',
    args: '<paths...>',
    summary: 'keep files of a drive here, and directories with all that comes below them',
    completes: 'files',
    flags: [{ flags: '--wait', summary: 'until all of it is here' }],
    load: async () => (await import('./commands/cache.ts')).pin,
  },
  {
    name: 'unpin',
    args: '<paths...>',
    summary: 'let go of them; they stay until their room is needed',
    completes: 'files',
    load: async () => (await import('./commands/cache.ts')).unpin,
  },
  {
    name: 'hydrate',
    args: '<paths...>',
    summary: 'fetch what is not here yet',
    completes: 'files',
    load: async () => (await import('./commands/cache.ts')).hydrate,
  },
  {
    name: 'free',
    args: '[paths...]',
    summary: 'give space back; what is pinned, open, in conflict or not uploaded stays',
    completes: 'files',
    flags: [{ flags: '--all', summary: 'everything in all drives' }],
    load: async () => (await import('./commands/cache.ts')).free,
  },
];
