import { FerryError } from '../../core/model/errors.ts';
import { isValidName } from '../../core/model/path.ts';
import { isHiddenName, type ResourcePath } from '../request-path.ts';

/** Somebody who may use the server, as the access file has them. */
export interface AccessUser {
  readonly name: string;
  /** argon2id in its usual text form; null: only app tokens let this user in. */
  readonly passwordHash: string | null;
  /** Below the served directory; '' is all of it. */
  readonly root: ResourcePath;
  readonly readOnly: boolean;
}

/** One device's own way in, which can be taken back alone. */
export interface AccessToken {
  /** Names it in lists and logs; not secret. */
  readonly id: string;
  readonly user: string;
  /** What its owner calls it. */
  readonly name: string;
  readonly hash: string;
  /** Below the user's root. */
  readonly root: ResourcePath;
  readonly readOnly: boolean;
  readonly createdMs: number;
  /** Null: it does not expire. */
  readonly expiresMs: number | null;
}

/** Who may do what: the content of an access file. */
export interface Access {
  readonly users: readonly AccessUser[];
  readonly tokens: readonly AccessToken[];
}

/** What there is before anybody was named. */
export const NO_ACCESS: Access = { users: [], tokens: [] };

const VERSION = 1;
const MAX_USERS = 10_000;
const MAX_TOKENS_PER_USER = 1000;
/** Longer names would only fill tables of whoever makes them up. */
const MAX_NAME_CHARS = 128;

/** Returns a user's name. @throws CONFIG_INVALID */
export function userName(text: string): string {
  const isFine = text !== '' && text.length <= MAX_NAME_CHARS && !/[:\p{Cc}]/u.test(text);
  if (isFine) return text;
  throw invalid(
    `a user name has 1 to ${MAX_NAME_CHARS} characters, and no colon: ${JSON.stringify(text)}`,
  );
}

/** Returns a root directory, relative to another one; slashes around it do not matter. @throws CONFIG_INVALID */
export function rootPath(text: string): ResourcePath {
  const path = text.replace(/^\/+|\/+$/g, '');
  const names = path === '' ? [] : path.split('/');
  if (names.every((name) => isValidName(name) && !isHiddenName(name))) return path as ResourcePath;
  throw invalid(`a root is a path below the served directory, without . and ..: ${text}`);
}

/** Returns the directory `below` in `root`. */
export function rootBelow(root: ResourcePath, below: ResourcePath): ResourcePath {
  return (root === '' || below === '' ? `${root}${below}` : `${root}/${below}`) as ResourcePath;
}

/** Returns what an access file says. @throws CONFIG_INVALID naming what is wrong, never a secret */
export function parseAccess(text: string): Access {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON'); // the parser's own message would quote the file
  }
  const file = record(value, 'it');
  if (file['version'] !== VERSION)
    throw invalid(`its version is not ${VERSION}: it belongs to another version of Ferry`);
  const users = list(file['users'], 'users').map(parseUser);
  const tokens = list(file['tokens'], 'tokens').map(parseToken);
  return checked({ users, tokens });
}

/** Returns the text of an access file. */
export function accessText(access: Access): string {
  return `${JSON.stringify({ version: VERSION, ...access }, null, 2)}\n`;
}

/** Returns the access with one more user. @throws CONFIG_INVALID when the name is taken */
export function withUser(access: Access, user: AccessUser): Access {
  return checked({ ...access, users: [...access.users, user] });
}

/** Returns the access with another state of a user. @throws CONFIG_INVALID when there is no such user */
export function withChangedUser(access: Access, user: AccessUser): Access {
  requireUser(access, user.name);
  return { ...access, users: access.users.map((old) => (old.name === user.name ? user : old)) };
}

/** Returns the access without a user and their tokens. @throws CONFIG_INVALID when there is no such user */
export function withoutUser(access: Access, name: string): Access {
  requireUser(access, name);
  return {
    users: access.users.filter((user) => user.name !== name),
    tokens: access.tokens.filter(({ user }) => user !== name),
  };
}

/** Returns the access with one more token. @throws CONFIG_INVALID */
export function withToken(access: Access, token: AccessToken): Access {
  requireUser(access, token.user);
  return checked({ ...access, tokens: [...access.tokens, token] });
}

/** Returns the access without one token. @throws CONFIG_INVALID when there is no such token */
export function withoutToken(access: Access, id: string): Access {
  if (!access.tokens.some((token) => token.id === id))
    throw invalid(`there is no app token ${id}: ferry serve tokens list`);
  return { ...access, tokens: access.tokens.filter((token) => token.id !== id) };
}

/** Returns the user of that name. @throws CONFIG_INVALID when there is none */
export function requireUser(access: Access, name: string): AccessUser {
  const user = access.users.find((candidate) => candidate.name === name);
  if (user === undefined) throw invalid(`there is no user ${name}: ferry serve users list`);
  return user;
}

function checked(access: Access): Access {
  const names = new Set<string>();
  for (const { name } of access.users) {
    if (names.has(name)) throw invalid(`there is a user ${name} already`);
    names.add(name);
  }
  if (names.size > MAX_USERS) throw invalid(`there are more than ${MAX_USERS} users`);
  const counts = new Map<string, number>();
  for (const { user } of access.tokens) {
    if (!names.has(user)) throw invalid(`an app token belongs to ${user}, who is no user`);
    const count = (counts.get(user) ?? 0) + 1;
    if (count > MAX_TOKENS_PER_USER)
      throw invalid(`${user} has ${MAX_TOKENS_PER_USER} app tokens: revoke some of them first`);
    counts.set(user, count);
  }
  return access;
}

type Fields = Readonly<Record<string, unknown>>;

function parseUser(value: unknown): AccessUser {
  const fields = record(value, 'a user');
  const name = userName(text(fields, 'name'));
  const passwordHash = fields['passwordHash'] === null ? null : text(fields, 'passwordHash');
  return { name, passwordHash, root: rootPath(text(fields, 'root')), readOnly: flag(fields) };
}

function parseToken(value: unknown): AccessToken {
  const fields = record(value, 'an app token');
  return {
    id: text(fields, 'id'),
    user: userName(text(fields, 'user')),
    name: text(fields, 'name'),
    hash: text(fields, 'hash'),
    root: rootPath(text(fields, 'root')),
    readOnly: flag(fields),
    createdMs: time(fields, 'createdMs'),
    expiresMs: fields['expiresMs'] === null ? null : time(fields, 'expiresMs'),
  };
}

function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${what} is not an object`);
}

function list(value: unknown, key: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${key} is not a list`);
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === 'string') return value;
  throw invalid(`${key} is not a text`);
}

function time(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(`${key} is not a time in ms`);
}

/** What cannot be read must not open more than was meant. */
function flag(fields: Fields): boolean {
  const { readOnly } = fields;
  if (typeof readOnly === 'boolean') return readOnly;
  throw invalid('readOnly is not true or false');
}

function invalid(message: string): FerryError {
  return new FerryError('CONFIG_INVALID', message);
}
