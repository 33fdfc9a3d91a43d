import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { withFileLock, writeFileAtomically } from '../../daemon/atomic-file.ts';
import { parseDuration } from '../../daemon/units.ts';
import {
  type Access,
  type AccessToken,
  type AccessUser,
  accessText,
  requireUser,
  rootPath,
  userName,
  withChangedUser,
  withoutToken,
  withoutUser,
  withToken,
  withUser,
} from '../../server/access/access-file.ts';
import { readAccess } from '../../server/access/access-list.ts';
import { readLastUses } from '../../server/access/last-use.ts';
import { hashToken, isTokenShaped, makeToken } from '../../server/access/token.ts';
import { type Context, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable, formatTime } from '../format.ts';
import { readPassword } from './remote.ts';

type FileFlags = { readonly access?: string };

export type UserFlags = FileFlags & {
  readonly root?: string;
  readonly readOnly?: boolean;
  readonly readWrite?: boolean;
  readonly passwordFile?: string;
  /** The served folder, in which the user's root is to be made. */
  readonly in?: string;
};

export type TokenFlags = FileFlags & {
  readonly name?: string;
  readonly root?: string;
  readonly readOnly?: boolean;
  readonly expires?: string;
};

/** Returns the access file: the given one, or that of the server's state directory. */
export function accessFileOf(context: Context, { access }: FileFlags): string {
  return access === undefined
    ? join(context.home.stateDirectory, 'server', 'access.json')
    : resolve(context.cwd, access);
}

/** A server that runs notices the new file by itself. */
async function update(
  context: Context,
  flags: FileFlags,
  change: (access: Access) => Access | Promise<Access>,
): Promise<void> {
  const file = accessFileOf(context, flags);
  await withFileLock(file, async () => {
    const access = await change(await readAccess(file));
    await writeFileAtomically(file, accessText(access), 0o600);
  });
}

async function passwordHashFrom(context: Context, file: string): Promise<string> {
  const password = await readPassword(resolve(context.cwd, file));
  if (isTokenShaped(password)) throw usage('a password must not look like an app token');
  const { hashPassword } = await import('../../server/users.ts');
  return hashPassword(password);
}

async function makeRoot(context: Context, user: AccessUser, flags: UserFlags): Promise<void> {
  if (flags.in === undefined || user.root === '') return;
  await mkdir(join(resolve(context.cwd, flags.in), user.root), { recursive: true });
}

function aboutUser({ name, passwordHash, root, readOnly }: AccessUser) {
  return { name, root, readOnly, password: passwordHash !== null };
}

function rightsOf({ readOnly }: { readonly readOnly: boolean }): string {
  return readOnly ? 'read-only' : 'read and write';
}

/** `ferry serve users add NAME`. */
export async function addUser(
  context: Context,
  args: readonly string[],
  flags: UserFlags,
): Promise<number> {
  if (flags.readOnly === true && flags.readWrite === true)
    throw usage('--read-only and --read-write exclude each other');
  const { passwordFile } = flags;
  const user: AccessUser = {
    name: userName(args[0] ?? ''),
    passwordHash: passwordFile === undefined ? null : await passwordHashFrom(context, passwordFile),
    root: rootPath(flags.root ?? ''),
    readOnly: flags.readOnly ?? false,
  };
  await makeRoot(context, user, flags);
  await update(context, flags, (access) => withUser(access, user));
  const { terminal } = context;
  terminal.text(`added the user ${user.name}: ${rightsOf(user)} at /${user.root}`);
  if (passwordFile === undefined)
    terminal.note(
      `ferry: ${user.name} has no password: ferry serve tokens add ${user.name} --name DEVICE makes a way in`,
    );
  terminal.document(aboutUser(user));
  return EXIT.ok;
}

/** `ferry serve users edit NAME`: changes what is given; app tokens stay. */
export async function editUser(
  context: Context,
  args: readonly string[],
  flags: UserFlags,
): Promise<number> {
  const name = args[0] ?? '';
  const { passwordFile, readOnly, readWrite, root } = flags;
  if (readOnly === true && readWrite === true)
    throw usage('--read-only and --read-write exclude each other');
  const given = {
    ...(passwordFile === undefined
      ? {}
      : { passwordHash: await passwordHashFrom(context, passwordFile) }),
    ...(root === undefined ? {} : { root: rootPath(root) }),
    ...(readOnly === true ? { readOnly: true } : {}),
    ...(readWrite === true ? { readOnly: false } : {}),
  };
  if (Object.keys(given).length === 0)
    throw usage('say what to change: --password-file, --root, --read-only or --read-write');
  await update(context, flags, async (access) => {
    const user = { ...requireUser(access, name), ...given };
    await makeRoot(context, user, flags);
    context.terminal.text(`changed the user ${name}: ${rightsOf(user)} at /${user.root}`);
    context.terminal.document(aboutUser(user));
    return withChangedUser(access, user);
  });
  return EXIT.ok;
}

/** `ferry serve users remove NAME`: with all app tokens; files stay. */
export async function removeUser(
  context: Context,
  args: readonly string[],
  flags: FileFlags,
): Promise<number> {
  const name = args[0] ?? '';
  await update(context, flags, (access) => withoutUser(access, name));
  context.terminal.text(`removed the user ${name} and their app tokens; files stay`);
  context.terminal.document({ removed: name });
  return EXIT.ok;
}

/** `ferry serve users list`. */
export async function listUsers(
  context: Context,
  _args: readonly string[],
  flags: FileFlags,
): Promise<number> {
  const { tokens, users } = await readAccess(accessFileOf(context, flags));
  const tokensOf = (name: string) => tokens.filter(({ user }) => user === name).length;
  context.terminal.document(
    users.map((user) => ({ ...aboutUser(user), tokens: tokensOf(user.name) })),
  );
  const rows = users.map((user) => [
    user.name,
    `/${user.root}`,
    rightsOf(user),
    user.passwordHash === null ? 'no password' : 'password',
    `${tokensOf(user.name)} app tokens`,
  ]);
  context.terminal.text(formatTable(rows));
  return EXIT.ok;
}

function aboutToken({ id, user, name, root, readOnly, createdMs, expiresMs }: AccessToken) {
  return { id, user, name, root, readOnly, createdMs, expiresMs };
}

/** `ferry serve tokens add USER --name DEVICE`: shows the token, this once. */
export async function addToken(
  context: Context,
  args: readonly string[],
  flags: TokenFlags,
): Promise<number> {
  const { expires, name } = flags;
  if (name === undefined || name === '' || name.length > 128 || /\p{Cc}/u.test(name))
    throw usage('--name: say which device or program the token is for');
  const nowMs = Date.now();
  const secret = makeToken();
  const token: AccessToken = {
    id: randomBytes(4).toString('hex'),
    user: args[0] ?? '',
    name,
    hash: hashToken(secret),
    root: rootPath(flags.root ?? ''),
    readOnly: flags.readOnly ?? false,
    createdMs: nowMs,
    expiresMs: expires === undefined ? null : nowMs + parseDuration(expires, '--expires'),
  };
  await update(context, flags, (access) => withToken(access, token));
  const { terminal } = context;
  terminal.text(secret);
  terminal.note(
    `ferry: this is the app token of ${name} (id ${token.id}), in place of ${token.user}'s password; it is not shown again`,
  );
  terminal.document({ ...aboutToken(token), token: secret });
  return EXIT.ok;
}

/** `ferry serve tokens revoke ID`. */
export async function revokeToken(
  context: Context,
  args: readonly string[],
  flags: FileFlags,
): Promise<number> {
  const id = args[0] ?? '';
  await update(context, flags, (access) => withoutToken(access, id));
  context.terminal.text(`revoked the app token ${id}`);
  context.terminal.document({ revoked: id });
  return EXIT.ok;
}

/** `ferry serve tokens list`: of one user, or of all. */
export async function listTokens(
  context: Context,
  args: readonly string[],
  flags: FileFlags,
): Promise<number> {
  const file = accessFileOf(context, flags);
  const [access, uses] = await Promise.all([readAccess(file), readLastUses(file)]);
  const [user] = args;
  if (user !== undefined) requireUser(access, user);
  const tokens = access.tokens.filter((token) => user === undefined || token.user === user);
  const nowMs = Date.now();
  context.terminal.document(
    tokens.map((token) => ({ ...aboutToken(token), lastUsedMs: uses.get(token.id) ?? null })),
  );
  const rows = tokens.map((token) => {
    const { expiresMs, id, name } = token;
    const used = uses.get(id);
    return [
      id,
      token.user,
      name,
      `/${token.root}`,
      rightsOf(token),
      used === undefined ? 'never used' : `used ${formatTime(used, nowMs)}`,
      expiresMs === null
        ? 'no end'
        : `${expiresMs <= nowMs ? 'expired' : 'until'} ${formatTime(expiresMs, nowMs)}`,
    ];
  });
  context.terminal.text(formatTable(rows));
  return EXIT.ok;
}
