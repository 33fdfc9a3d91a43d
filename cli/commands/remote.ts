import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import { type Config, type RemoteConfig, name as remoteName } from '../../daemon/config.ts';
import { updateConfig, withEntry } from '../../daemon/config-file.ts';
import { parseRemote, splitCredentials } from '../../daemon/remote-address.ts';
import { type Credentials, loadSecrets, storeSecret } from '../../daemon/secrets.ts';
import { type Context, configOf, reloadDaemon, usage, workshopOf } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../format.ts';
import { trustedPin } from './remote-trust.ts';

export type RemoteFlags = {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly probe?: boolean;
  readonly fingerprint?: string;
};

export type RemoteEditFlags = RemoteFlags & {
  readonly url?: string;
  readonly trustCertificate?: boolean;
};

/** Returns the first line of a password file. @throws LOCAL_NOT_FOUND, CONFIG_INVALID */
export async function readPassword(absolutePath: string): Promise<string> {
  const text = await readFile(absolutePath, 'utf8').catch((error: unknown) => {
    throw new FerryError('LOCAL_NOT_FOUND', 'the password file cannot be read: check its name', {
      path: absolutePath,
      cause: error,
    });
  });
  const password = text.split(/\r?\n/, 1)[0] ?? '';
  if (password === '') throw usage(`${absolutePath}: its first line, the password, is empty`);
  return password;
}

async function credentialsFrom(
  context: Context,
  flags: RemoteFlags,
  inUrl: Credentials | undefined,
): Promise<Credentials | undefined> {
  if ((flags.user === undefined) !== (flags.passwordFile === undefined))
    throw usage('--user and --password-file belong together');
  if (flags.user !== undefined && flags.passwordFile !== undefined)
    return {
      user: flags.user,
      password: await readPassword(resolve(context.cwd, flags.passwordFile)),
    };
  if (inUrl !== undefined)
    context.terminal.note(
      'ferry: a password in a URL stays in the shell history: better --user and --password-file (it was taken out of the URL and kept in secrets.json)',
    );
  return inUrl;
}

type Webdav = ReturnType<typeof parseRemote> & { readonly kind: 'webdav' };

async function probe(
  context: Context,
  address: Webdav,
  credentials: Credentials | undefined,
  fingerprint: string | undefined,
): Promise<unknown> {
  const workshop = await workshopOf(context);
  return workshop.parts.probeWebdav({
    ownerId: 'probe',
    url: address.url,
    ...(credentials === undefined ? {} : { credentials }),
    ...(fingerprint === undefined ? {} : { tls: { pinnedFingerprint: fingerprint } }),
    clock: workshop.clock,
    logger: workshop.logger,
  });
}

async function webdavRemote(
  context: Context,
  address: Webdav,
  credentials: Credentials | undefined,
  flags: RemoteEditFlags,
  trusted?: { readonly fingerprint: string | undefined },
): Promise<RemoteConfig> {
  const fingerprint = trusted ? trusted.fingerprint : await trustedPin(context, address.url, flags);
  const proven =
    flags.probe === false ? undefined : await probe(context, address, credentials, fingerprint);
  return {
    url: address.url,
    ...(credentials === undefined ? {} : { user: credentials.user }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(proven === undefined ? {} : { probe: proven }),
  };
}

/** `ferry remote add NAME URL`: signs in, finds out what the server honours, and keeps both. */
export async function add(
  context: Context,
  args: readonly string[],
  flags: RemoteFlags,
): Promise<number> {
  const [name = '', text = ''] = args;
  remoteName(name, 'NAME');
  const config = await configOf(context);
  if (config.remotes.has(name))
    throw usage(`there is a remote named ${name} already: ferry remote edit ${name} changes it`);
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const split = isUrl ? splitCredentials(text) : { url: text };
  const credentials = await credentialsFrom(context, flags, split.credentials);
  const address = parseRemote(split.url, { ...config, remotes: new Map() }, context.cwd);
  const remote =
    address.kind === 'webdav'
      ? await webdavRemote(context, address, credentials, flags)
      : { url: address.absolutePath };
  if (credentials !== undefined) await storeSecret(context.home, `remote:${name}`, credentials);
  await updateConfig(context.home, (before) => ({
    ...before,
    remotes: withEntry(before.remotes, name, remote),
  }));
  await reloadDaemon(context);
  context.terminal.text(`added the remote ${name}: ${remote.url}`);
  context.terminal.document({ name, ...remote });
  return EXIT.ok;
}

function remoteNamed(config: Config, name: string): RemoteConfig {
  const remote = config.remotes.get(name);
  if (remote === undefined) throw usage(`there is no remote named ${name}: ferry remote list`);
  return remote;
}

/** `ferry remote list`. */
export async function list(context: Context): Promise<number> {
  const { remotes } = await configOf(context);
  context.terminal.document(
    [...remotes].map(([name, { url, user, fingerprint }]) => ({ name, url, user, fingerprint })),
  );
  context.terminal.text(
    formatTable([...remotes].map(([name, { url, user }]) => [name, url, user ?? ''])),
  );
  return EXIT.ok;
}

/** `ferry remote edit NAME`: another address, sign-in or certificate for the same place; pairs keep their records. */
export async function edit(
  context: Context,
  args: readonly string[],
  flags: RemoteEditFlags,
): Promise<number> {
  const [name = ''] = args;
  const config = await configOf(context);
  const before = remoteNamed(config, name);
  if (parseRemote(name, config, context.cwd).kind !== 'webdav')
    throw usage(`${name} is a folder: ferry remote add gives another one a name`);
  const split = splitCredentials(flags.url ?? before.url);
  const key = `remote:${name}`;
  const known = (await loadSecrets(context.home)).get(key);
  // Passwords change, users hardly ever.
  const isOnlyPassword = flags.user === undefined && flags.passwordFile !== undefined;
  const user = isOnlyPassword ? known?.user : flags.user;
  const signIn = { ...flags, ...(user === undefined ? {} : { user }) };
  const given = await credentialsFrom(context, signIn, split.credentials);
  const credentials = given ?? known;
  const address = parseRemote(split.url, { ...config, remotes: new Map() }, context.cwd);
  if (address.kind !== 'webdav') throw usage('--url: expected http:// or https://');
  const isSameServer = new URL(address.url).origin === new URL(before.url).origin;
  const looksAgain = flags.trustCertificate === true || flags.fingerprint !== undefined;
  const isTrusted = isSameServer && !looksAgain;
  const trusted = isTrusted ? { fingerprint: before.fingerprint } : undefined;
  const remote = await webdavRemote(context, address, credentials, flags, trusted);
  if (given !== undefined) await storeSecret(context.home, key, given);
  await updateConfig(context.home, (now) => ({
    ...now,
    remotes: withEntry(now.remotes, name, remote),
  }));
  await reloadDaemon(context);
  context.terminal.text(`changed the remote ${name}: ${remote.url}`);
  context.terminal.document({ name, ...remote });
  return EXIT.ok;
}

/** `ferry remote probe NAME`: finds out again what the server honours, and shows it. */
export async function probeAgain(context: Context, args: readonly string[]): Promise<number> {
  const [name = ''] = args;
  const config = await configOf(context);
  const remote = remoteNamed(config, name);
  const address = parseRemote(name, config, context.cwd);
  if (address.kind !== 'webdav') throw usage(`${name} is a folder: there is nothing to find out`);
  const credentials = (await loadSecrets(context.home)).get(`remote:${name}`);
  const proven = await probe(context, address, credentials, remote.fingerprint);
  await updateConfig(context.home, (before) => ({
    ...before,
    remotes: withEntry(before.remotes, name, { ...remote, probe: proven }),
  }));
  await reloadDaemon(context);
  context.terminal.document(proven);
  const rows = Object.entries(proven as Record<string, unknown>);
  context.terminal.text(
    formatTable(
      rows.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
  );
  return EXIT.ok;
}

/** `ferry remote remove NAME`; refused while a pair or drive uses it. */
export async function remove(context: Context, args: readonly string[]): Promise<number> {
  const [name = ''] = args;
  await updateConfig(context.home, (before) => {
    remoteNamed(before, name);
    const users = [...before.pairs, ...before.drives].filter(
      ([, { remote }]) => remote === name || remote.startsWith(`${name}:`),
    );
    if (users.length > 0)
      throw usage(
        `${name} is used by ${users.map(([user]) => user).join(', ')}: remove those first`,
      );
    return { ...before, remotes: withEntry(before.remotes, name, undefined) };
  });
  await storeSecret(context.home, `remote:${name}`, undefined);
  await reloadDaemon(context);
  context.terminal.text(`removed the remote ${name}`);
  context.terminal.document({ removed: name });
  return EXIT.ok;
}
