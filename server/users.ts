import { readFile } from 'node:fs/promises';
import { hash, verify } from '@node-rs/argon2';
import { FerryError } from '../core/model/errors.ts';
import type { ResourcePath } from './request-path.ts';

/** Somebody who may use the server. */
export interface User {
  readonly name: string;
  /** argon2id in its usual text form: `$argon2id$v=19$m=…`. */
  readonly passwordHash: string;
  /** The directory that this user sees as the root; all of it when left out. */
  readonly root?: ResourcePath;
  readonly readOnly?: boolean;
}

const HASH_START = '$argon2';

/** Returns the argon2id hash to put into a password file. */
export function hashPassword(password: string): Promise<string> {
  return hash(password);
}

/** Tells whether `password` is the one that was hashed. Takes some 50 ms, on purpose. */
export async function verifyPassword(passwordHash: string, password: string): Promise<boolean> {
  try {
    return await verify(passwordHash, password);
  } catch {
    return false; // a hash that cannot be read lets nobody in
  }
}

/**
 * Returns the users of a password file: lines `name:hash`; empty lines and those that begin with `#` are skipped.
 * @throws FerryError CONFIG_INVALID naming the line
 */
export function parsePasswordFile(text: string): readonly User[] {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const passwordHash = line.slice(colon + 1).trim();
    if (colon < 1 || !passwordHash.startsWith(HASH_START))
      throw invalid(`line ${index + 1} of the password file is not name:argon2id-hash`);
    if (users.has(name))
      throw invalid(`line ${index + 1} of the password file names ${name} again`);
    users.set(name, { name, passwordHash });
  }
  if (users.size === 0) throw invalid('the password file names no user');
  return [...users.values()];
}

/**
 * Returns the users that `--user` and `--password-file` stand for. With a user, the file's first line is their
 * password, or its hash, or the file is a list that holds them; without one, the file is a list.
 * @throws FerryError CONFIG_INVALID
 */
export async function loadUsers(options: {
  readonly user?: string;
  readonly passwordFile: string;
}): Promise<readonly User[]> {
  const { user: name, passwordFile } = options;
  const text = await readPasswordFile(passwordFile);
  if (name === undefined) return parsePasswordFile(text);
  if (name === '' || name.includes(':') || name.includes('\n'))
    throw invalid('a user name is not empty and has no colon');
  const secret = text.split(/\r?\n/, 1)[0] ?? '';
  if (secret.startsWith(HASH_START)) return [{ name, passwordHash: secret.trim() }];
  if (text.includes(`:${HASH_START}`)) {
    const user = parsePasswordFile(text).find((candidate) => candidate.name === name);
    if (user === undefined) throw invalid(`${passwordFile} does not name the user ${name}`);
    return [user];
  }
  if (secret === '')
    throw invalid(`the first line of ${passwordFile} is the password; it is empty`);
  return [{ name, passwordHash: await hashPassword(secret) }];
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FerryError('CONFIG_INVALID', `the password file ${path} cannot be read`, {
      cause,
      path,
    });
  }
}

function invalid(message: string): FerryError {
  return new FerryError('CONFIG_INVALID', message);
}
