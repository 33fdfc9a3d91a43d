import type { FlagSpec } from './command-spec.ts';

/** What a pair or drive does. */
export const DIRECTION: FlagSpec = {
  flags: '--direction <direction>',
  summary: 'two-way, remote-to-local or local-to-remote',
  choices: ['two-way', 'remote-to-local', 'local-to-remote'],
};

const WATCH: FlagSpec = { flags: '--watch', summary: 'run at once when something changes' };

/** What a folder or server keeps of what was replaced or deleted. */
export const KEEP_VERSIONS: readonly FlagSpec[] = [
  {
    flags: '--keep-versions-days <days>',
    summary: 'keep what was replaced or deleted so long (30); off: the default',
  },
  {
    flags: '--keep-versions-bytes <size>',
    summary: 'and in so much room, such as 5G or 10% (10%, at most 10 GiB); off: the default',
  },
];

/** The flags of a pair's settings, apart from its schedule. */
export const PAIR_FLAGS: readonly FlagSpec[] = [
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
  ...KEEP_VERSIONS,
  { flags: '--trust-times', summary: 'one-way: equal size and time mean equal content at first' },
];

/** When a pair runs by itself. */
export const SCHEDULE_FLAGS: readonly FlagSpec[] = [
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

/** Who signs in. */
export const SIGN_IN: readonly FlagSpec[] = [
  { flags: '--user <name>', summary: 'name to sign in with' },
  { flags: '--password-file <file>', summary: 'file whose first line is the password' },
];

/** What a server's owner said of its certificate. */
export const FINGERPRINT: FlagSpec = {
  flags: '--fingerprint <sha256>',
  summary: 'trust the server if its certificate is this one; otherwise you are asked',
};

/** Where a path can mean several pairs. */
export const ONE_PAIR: FlagSpec = { flags: '--pair <name>', summary: 'only in this pair' };

/** Which conflicts; not flags of `ferry conflicts` itself: a parent takes what is meant for its subcommand. */
export const CONFLICT_FILTERS: readonly FlagSpec[] = [
  { flags: '--below <dir>', summary: 'only those in this directory' },
  {
    flags: '--from <side>',
    summary: 'only those whose copy is of the local or remote version',
    choices: ['local', 'remote'],
  },
];
