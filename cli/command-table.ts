import type { CommandSpec, FlagSpec } from './command-spec.ts';

const DIRECTION: FlagSpec = {
  flags: '--direction <direction>',
  summary: 'two-way, remote-to-local or local-to-remote',
  choices: ['two-way', 'remote-to-local', 'local-to-remote'],
};

const WATCH: FlagSpec = { flags: '--watch', summary: 'run at once when something changes' };

/** The flags of a pair's settings, apart from its schedule. */
const PAIR_FLAGS: readonly FlagSpec[] = [
  DIRECTION,
  { flags: '--mirror', summary: 'one-way: make the destination identical, its own files included' },
  { flags: '--no-mirror', summary: 'leave files that are only on the destination' },
  {
    flags: '--deletes <what>',
    summary: 'keep: never delete on the destination',
    choices: ['propagate', 'keep'],
  },
  {
    flags: '--ignore <pattern>',
    summary: 'leave out what matches (gitignore pattern, or re:REGEX)',
    repeatable: true,
  },
  { flags: '--no-ignore', summary: 'no patterns' },
  {
    flags: '--guard-file <file[=regex]>',
    summary: 'run only while this file is in LOCAL (and matches); off: no such file',
  },
  { flags: '--max-delete <part>', summary: 'stop a run that would delete more, such as 25%' },
  { flags: '--bandwidth <rate>', summary: 'bytes per second each way, such as 2M; off: no limit' },
  { flags: '--trust-times', summary: 'one-way: equal size and time mean equal content at first' },
];

const SCHEDULE_FLAGS: readonly FlagSpec[] = [
  { flags: '--every <time>', summary: 'run at this interval, such as 15m; off: not' },
  { flags: '--at <times>', summary: 'run at these times of day, such as 02:30; off: not' },
  { flags: '--days <days>', summary: 'the days for --at, such as mon-fri; off: every day' },
  { flags: '--on-start', summary: 'run when the daemon starts' },
  { flags: '--no-on-start', summary: 'not when it starts' },
  { flags: '--on-exit', summary: 'run when the daemon ends' },
  { flags: '--no-on-exit', summary: 'not when it ends' },
  WATCH,
  { flags: '--no-watch', summary: 'not when something changes' },
];

const SIGN_IN: readonly FlagSpec[] = [
  { flags: '--user <name>', summary: 'name to sign in with' },
  { flags: '--password-file <file>', summary: 'file whose first line is the password' },
];

const ONE_PAIR: FlagSpec = { flags: '--pair <name>', summary: 'only in this pair' };

/** Not flags of `ferry conflicts` itself: a parent takes what is meant for its subcommand. */
const CONFLICT_FILTERS: readonly FlagSpec[] = [
  { flags: '--below <dir>', summary: 'only those in this directory' },
  {
    flags: '--from <side>',
    summary: 'only those whose copy is of the local or remote version',
    choices: ['local', 'remote'],
  },
];

/** Every command of the program, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'demo',
    summary: 'show everything at once, in a temporary directory',
    flags: [{ flags: '--keep', summary: 'leave it running, and say how to stop it' }],
    load: async () => (await import('./commands/demo.ts')).run,
  },
  {
    name: 'serve',
    args: '<dir>',
    summary: 'serve a folder to Ferry and every WebDAV client',
    completes: 'files',
    flags: [
      { flags: '--listen <host:port>', summary: 'where to listen (127.0.0.1:8443)' },
      ...SIGN_IN,
      { flags: '--tls-cert <file>', summary: 'certificate (PEM); otherwise one is made' },
      { flags: '--tls-key <file>', summary: 'its key (PEM)' },
      { flags: '--no-tls', summary: 'plain HTTP' },
      { flags: '--read-only', summary: 'nothing can be changed' },
    ],
    load: async () => (await import('./commands/serve.ts')).run,
  },
  {
    name: 'remote add',
    args: '<name> <url>',
    summary: 'give a server or folder a name; find out what it can do',
    flags: [...SIGN_IN, { flags: '--no-probe', summary: 'do not try out what the server honours' }],
    load: async () => (await import('./commands/remote.ts')).add,
  },
  {
    name: 'remote edit',
    args: '<name>',
    summary: 'change its address, sign-in or certificate; pairs and drives go on',
    completes: 'remotes',
    flags: [
      { flags: '--url <url>', summary: 'its new address' },
      ...SIGN_IN,
      { flags: '--trust-certificate', summary: 'trust the certificate that it shows now' },
    ],
    load: async () => (await import('./commands/remote.ts')).edit,
  },
  {
    name: 'remote list',
    summary: 'list the remotes',
    load: async () => (await import('./commands/remote.ts')).list,
  },
  {
    name: 'remote probe',
    args: '<name>',
    summary: 'find out again what a server honours',
    completes: 'remotes',
    load: async () => (await import('./commands/remote.ts')).probeAgain,
  },
  {
    name: 'remote remove',
    args: '<name>',
    summary: 'forget a remote and its password',
    completes: 'remotes',
    load: async () => (await import('./commands/remote.ts')).remove,
  },
  {
    name: 'pair add',
    args: '<local> <remote>',
    summary: 'keep LOCAL in step with REMOTE (a name, NAME:FOLDER, a URL or a path)',
    completes: 'files',
    flags: [
      { flags: '--name <name>', summary: 'name of the pair (that of the folder)' },
      ...PAIR_FLAGS,
      ...SCHEDULE_FLAGS,
    ],
    load: async () => (await import('./commands/pair.ts')).add,
  },
  {
    name: 'pair list',
    summary: 'list the pairs',
    load: async () => (await import('./commands/pair.ts')).list,
  },
  {
    name: 'pair show',
    args: '<pair>',
    summary: 'show the settings of a pair',
    completes: 'pairs',
    load: async () => (await import('./commands/pair.ts')).show,
  },
  {
    name: 'pair edit',
    args: '<pair>',
    summary: 'change settings of a pair; its records stay',
    completes: 'pairs',
    flags: [...PAIR_FLAGS, ...SCHEDULE_FLAGS],
    load: async () => (await import('./commands/pair.ts')).edit,
  },
  {
    name: 'pair copy',
    args: '<pair> <new>',
    summary: 'make a pair with the settings of another',
    completes: 'pairs',
    flags: [
      { flags: '--local <folder>', summary: 'its own folder' },
      { flags: '--remote <remote>', summary: 'its own remote' },
      ...PAIR_FLAGS,
      ...SCHEDULE_FLAGS,
    ],
    load: async () => (await import('./commands/pair.ts')).copy,
  },
  {
    name: 'pair remove',
    args: '<pair>',
    summary: 'forget a pair; the files stay',
    completes: 'pairs',
    load: async () => (await import('./commands/pair.ts')).remove,
  },
  {
    name: 'sync',
    args: '[pairs...]',
    summary: 'run pairs once (all by default), or LOCAL REMOTE with --direction',
    completes: 'pairs',
    flags: [
      { flags: '--dry-run', summary: 'say what would be done' },
      { flags: '--allow-deletes', summary: 'let the deletions of this run through the guard' },
      { flags: '--watch', summary: 'go on: run again when something changes' },
      ...PAIR_FLAGS,
    ],
    load: async () => (await import('./commands/sync.ts')).run,
  },
  {
    name: 'reset',
    args: '<pair>',
    summary: 'clear the sync records and transfer everything again',
    completes: 'pairs',
    load: async () => (await import('./commands/reset.ts')).run,
  },
  {
    name: 'cancel',
    args: '[pairs...]',
    summary: 'end the run that the daemon is doing',
    completes: 'pairs',
    load: async () => (await import('./commands/control.ts')).cancel,
  },
  {
    name: 'pause',
    args: '[pairs...]',
    summary: 'let automatic runs rest',
    completes: 'pairs',
    flags: [{ flags: '--for <time>', summary: 'only so long, such as 2h' }],
    load: async () => (await import('./commands/control.ts')).pause,
  },
  {
    name: 'resume',
    args: '[pairs...]',
    summary: 'let automatic runs go on',
    completes: 'pairs',
    load: async () => (await import('./commands/control.ts')).resume,
  },
  {
    name: 'status',
    args: '[pairs...]',
    summary: 'unknown, pending or in sync; last and next run; what needs attention',
    completes: 'pairs',
    flags: [{ flags: '--refresh', summary: 'look at both sides now' }],
    load: async () => (await import('./commands/status.ts')).run,
  },
  {
    name: 'conflicts',
    args: '[pairs...]',
    summary: 'list what was kept twice, because both sides had changed it',
    completes: 'pairs',
    load: async () => (await import('./commands/conflicts.ts')).list,
  },
  {
    name: 'conflicts list',
    args: '[pairs...]',
    summary: 'the same, or some of it',
    completes: 'pairs',
    flags: CONFLICT_FILTERS,
    load: async () => (await import('./commands/conflicts.ts')).list,
  },
  {
    name: 'conflicts show',
    args: '<path>',
    summary: 'both versions side by side, and their differences if they are texts',
    completes: 'files',
    flags: [ONE_PAIR],
    load: async () => (await import('./commands/conflicts.ts')).show,
  },
  {
    name: 'conflicts keep',
    args: '<local|remote|both> [paths...]',
    summary: 'settle conflicts: at PATH, below a directory, or --all',
    completes: ['local', 'remote', 'both'],
    flags: [
      { flags: '--all', summary: 'all conflicts' },
      { flags: '--dry-run', summary: 'say what would be done' },
      ONE_PAIR,
    ],
    load: async () => (await import('./commands/conflicts.ts')).keep,
  },
  {
    name: 'why',
    args: '<path>',
    summary: 'why a file or directory is as it is, and what the last runs did to it',
    completes: 'files',
    flags: [ONE_PAIR],
    load: async () => (await import('./commands/why.ts')).run,
  },
  {
    name: 'plan show',
    args: '[pairs...]',
    summary: 'what a run that a guard stopped would have done, and why',
    completes: 'pairs',
    load: async () => (await import('./commands/plan.ts')).show,
  },
  {
    name: 'plan release',
    args: '[pair]',
    summary: 'do exactly that, once, if nothing that it is about has changed',
    completes: 'pairs',
    load: async () => (await import('./commands/plan.ts')).release,
  },
  {
    name: 'plan drop',
    args: '[pair]',
    summary: 'forget it; the next run may hold it again',
    completes: 'pairs',
    load: async () => (await import('./commands/plan.ts')).drop,
  },
  {
    name: 'mount',
    args: '<remote> <dir>',
    summary: 'show the whole tree of a remote at DIR',
    completes: 'files',
    flags: [
      DIRECTION,
      { flags: '--read-only', summary: 'nothing can be changed through the drive' },
      { flags: '--foreground', summary: 'without the daemon, until Ctrl-C' },
      { flags: '--fallback', summary: 'a watched folder, also where drives can be mounted' },
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
    name: 'daemon start',
    summary: 'start the daemon in the background',
    load: async () => (await import('./commands/daemon.ts')).start,
  },
  {
    name: 'daemon stop',
    summary: 'end it: runs, drives and records are closed properly',
    load: async () => (await import('./commands/daemon.ts')).stop,
  },
  {
    name: 'daemon status',
    summary: 'say whether it runs',
    load: async () => (await import('./commands/daemon.ts')).status,
  },
  {
    name: 'daemon run',
    summary: 'the daemon itself, in the foreground',
    load: async () => (await import('./commands/daemon.ts')).run,
  },
  {
    name: 'tray',
    summary: 'show the tray menu',
    load: async () => (await import('./commands/tray.ts')).run,
  },
  {
    name: 'log',
    summary: "the end of the daemon's log",
    flags: [{ flags: '-f, --follow', summary: 'go on as it grows' }],
    load: async () => (await import('./commands/log.ts')).run,
  },
  {
    name: 'doctor',
    summary: 'look at what Ferry needs',
    load: async () => (await import('./commands/doctor.ts')).run,
  },
  {
    name: 'completion',
    args: '<shell>',
    summary: 'print completion for bash, zsh or fish',
    completes: ['bash', 'zsh', 'fish'],
    load: async () => {
      const { printCompletion } = await import('./commands/completion.ts');
      return async (context, args) => printCompletion(context, args, COMMANDS);
    },
  },
];
