import { KEEP_VERSIONS, SIGN_IN } from './command-flags.ts';
import type { CommandSpec, FlagSpec } from './command-spec.ts';

const ACCESS: FlagSpec = {
  flags: '--access <file>',
  summary: 'file of users and app tokens (the one in the state directory)',
};

const USER_FLAGS: readonly FlagSpec[] = [
  { flags: '--root <path>', summary: 'the only directory below the served one that they see' },
  { flags: '--read-only', summary: 'they change nothing' },
  { flags: '--password-file <file>', summary: 'file whose first line is the password' },
  { flags: '--in <dir>', summary: 'the served folder: make the root in it' },
  ACCESS,
];

/** `ferry serve`, and who may do what there. */
export const SERVE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'serve',
    args: '<dir>',
    summary: 'serve a folder to Ferry and every WebDAV client',
    completes: 'files',
    flags: [
      { flags: '--listen <host:port>', summary: 'where to listen (127.0.0.1:8443)' },
      ...SIGN_IN,
      ACCESS,
      { flags: '--tls-cert <file>', summary: 'certificate (PEM); otherwise one is made' },
      { flags: '--tls-key <file>', summary: 'its key (PEM)' },
      { flags: '--no-tls', summary: 'plain HTTP' },
      { flags: '--read-only', summary: 'nothing can be changed' },
      {
        flags: '--keep-free <size>',
        summary: 'free space that uploads leave (5% of the disk, at most 1 GiB); off: none',
      },
      {
        flags: '--access-log <file>',
        summary: 'a line of JSON for each request; - : standard output',
      },
      {
        flags: '--metrics <host:port>',
        summary: 'metrics for Prometheus on this loopback address',
      },
      { flags: '--install-service', summary: 'write a systemd unit that starts this server' },
      { flags: '--uninstall-service', summary: 'remove that unit' },
      { flags: '--system', summary: 'the unit is one of the machine, not of the user' },
      ...KEEP_VERSIONS,
    ],
    load: async () => (await import('./commands/serve.ts')).run,
  },
  {
    name: 'serve users add',
    args: '<name>',
    summary: 'let somebody use the server, also one that runs',
    flags: USER_FLAGS,
    load: async () => (await import('./commands/serve-access.ts')).addUser,
  },
  {
    name: 'serve users edit',
    args: '<name>',
    summary: 'another password, root or right; app tokens stay',
    flags: [...USER_FLAGS, { flags: '--read-write', summary: 'they may change everything' }],
    load: async () => (await import('./commands/serve-access.ts')).editUser,
  },
  {
    name: 'serve users remove',
    args: '<name>',
    summary: 'end the access of a user and of their app tokens, at once',
    flags: [ACCESS],
    load: async () => (await import('./commands/serve-access.ts')).removeUser,
  },
  {
    name: 'serve users list',
    summary: 'list the users',
    flags: [ACCESS],
    load: async () => (await import('./commands/serve-access.ts')).listUsers,
  },
  {
    name: 'serve tokens add',
    args: '<user>',
    summary: 'make an app token: a password for one device, shown once',
    flags: [
      { flags: '--name <device>', summary: 'what it is for' },
      { flags: '--root <path>', summary: "only this directory below the user's" },
      { flags: '--read-only', summary: 'it changes nothing' },
      { flags: '--expires <time>', summary: 'it ends after so long, such as 90d' },
      ACCESS,
    ],
    load: async () => (await import('./commands/serve-access.ts')).addToken,
  },
  {
    name: 'serve tokens revoke',
    args: '<id>',
    summary: 'take an app token back, at once',
    flags: [ACCESS],
    load: async () => (await import('./commands/serve-access.ts')).revokeToken,
  },
  {
    name: 'serve tokens list',
    args: '[user]',
    summary: 'list app tokens, and when they were last used',
    flags: [ACCESS],
    load: async () => (await import('./commands/serve-access.ts')).listTokens,
  },
];
