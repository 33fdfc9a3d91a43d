import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { errnoOf } from '../dav-error.ts';
import { type ResourcePath, ROOT_PATH } from '../request-path.ts';
import type { User } from '../users.ts';
import { type Access, type AccessToken, NO_ACCESS, parseAccess, rootBelow } from './access-file.ts';
import { hashToken } from './token.ts';

/** What a sign-in allows. */
export interface Grant {
  readonly user: string;
  /** The app token that was used; null for a password. */
  readonly tokenId: string | null;
  /** The directory that is the root for this user or token. */
  readonly root: ResourcePath;
  readonly readOnly: boolean;
  /** Hash of what was proven: after it was changed, the grant is not current. */
  readonly credential: string;
}

/** A user's password hash, and what the right password allows. */
export interface Account {
  readonly passwordHash: string | null;
  readonly grant: Grant;
}

/** Where users come from. */
export interface AccessListOptions {
  /** Users that stay while the server runs. */
  readonly users: readonly User[];
  /** An access file, looked at again whenever it changes; it need not exist yet. */
  readonly file?: string | undefined;
  readonly logger: Logger;
}

/** The kernel tells of most changes at once; those of a network file system are found by looking. */
const LOOK_MS = 1000;

/**
 * Who may do what, as it is now: the users that the server was started with, and those of the access file. A file that
 * becomes unreadable changes nothing; one that is removed leaves nobody in it.
 */
export class AccessList {
  readonly #options: AccessListOptions;
  #accounts: ReadonlyMap<string, Account> = new Map();
  #tokens: ReadonlyMap<string, AccessToken> = new Map();
  #state = '';
  #loading: Promise<void> = Promise.resolve();
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #listeners: (() => void)[] = [];

  private constructor(options: AccessListOptions) {
    this.#options = options;
    this.#use(NO_ACCESS);
  }

  /** @throws FerryError CONFIG_INVALID, LOCAL_PERMISSION when the access file cannot be read */
  static async open(options: AccessListOptions): Promise<AccessList> {
    const list = new AccessList(options);
    const { file } = options;
    if (file === undefined) return list;
    await list.#load(file);
    const look = (): void => list.#look(file);
    list.#timer = setInterval(look, LOOK_MS).unref();
    try {
      list.#watcher = watch(dirname(file), (_, name) => {
        if (name === null || name === basename(file)) look();
      });
      list.#watcher.unref().on('error', () => undefined); // looking goes on without it
    } catch {
      // The directory is not there yet, or no watch is left: looking is enough.
    }
    return list;
  }

  /** The roots that users have, for whoever checks them. */
  get users(): readonly Grant[] {
    return [...this.#accounts.values()].map(({ grant }) => grant);
  }

  accountOf(name: string): Account | undefined {
    return this.#accounts.get(name);
  }

  /** Returns what an app token allows; undefined for a wrong or an expired one. */
  grantOfToken(secret: string, nowMs: number): Grant | undefined {
    const token = this.#tokens.get(hashToken(secret));
    const owner = token === undefined ? undefined : this.#accounts.get(token.user)?.grant;
    if (token === undefined || owner === undefined || isExpired(token, nowMs)) return undefined;
    return {
      user: token.user,
      tokenId: token.id,
      root: rootBelow(owner.root, token.root),
      readOnly: owner.readOnly || token.readOnly,
      credential: token.hash,
    };
  }

  /** Tells whether a sign-in of before would be answered in the same way now. */
  isCurrent(grant: Grant, nowMs: number): boolean {
    const owner = this.#accounts.get(grant.user);
    if (owner === undefined) return false;
    if (grant.tokenId === null) return isSame(owner.grant, grant);
    const token = this.#tokens.get(grant.credential);
    if (token === undefined || isExpired(token, nowMs)) return false;
    const root = rootBelow(owner.grant.root, token.root);
    const readOnly = owner.grant.readOnly || token.readOnly;
    return root === grant.root && readOnly === grant.readOnly;
  }

  /** Calls `listener` after each change, and every second, as tokens expire without one. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#listeners = [];
    await this.#loading;
  }

  #look(file: string): void {
    this.#loading = this.#loading
      .then(() => this.#load(file))
      .catch((error: unknown) => {
        this.#options.logger.error('the access file cannot be used; what it said before holds', {
          error: String(error),
        });
      })
      .then(() => {
        for (const listener of this.#listeners) listener();
      });
  }

  async #load(file: string): Promise<void> {
    const state = await stateOf(file);
    if (state === this.#state) return;
    // A damaged file is complained about once, not every second.
    const before = this.#state;
    this.#state = state;
    this.#use(state === '' ? NO_ACCESS : await readAccess(file));
    if (before !== '') this.#options.logger.info('the access file has changed', {});
  }

  #use(access: Access): void {
    const accounts = new Map<string, Account>();
    for (const { name, passwordHash, root, readOnly } of [
      ...access.users,
      ...this.#options.users.map((user) => ({ root: ROOT_PATH, readOnly: false, ...user })),
    ]) {
      const credential = passwordHash ?? '';
      const grant = { user: name, tokenId: null, root, readOnly, credential };
      accounts.set(name, { passwordHash, grant });
    }
    this.#accounts = accounts;
    this.#tokens = new Map(access.tokens.map((token) => [token.hash, token]));
  }
}

function isExpired({ expiresMs }: AccessToken, nowMs: number): boolean {
  return expiresMs !== null && nowMs >= expiresMs;
}

function isSame(one: Grant, other: Grant): boolean {
  return (
    one.root === other.root &&
    one.readOnly === other.readOnly &&
    one.credential === other.credential
  );
}

/** What tells one state of the file from another; empty when there is none. */
async function stateOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw cannotBeRead(file, error);
  }
}

/** Returns what an access file says; nobody where there is none. @throws CONFIG_INVALID, LOCAL_PERMISSION */
export async function readAccess(file: string): Promise<Access> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return NO_ACCESS;
    throw cannotBeRead(file, error);
  }
  try {
    return parseAccess(text);
  } catch (cause) {
    if (!(cause instanceof FerryError)) throw cause;
    throw new FerryError('CONFIG_INVALID', `the access file cannot be used: ${cause.message}`, {
      cause,
      path: file,
    });
  }
}

function cannotBeRead(path: string, cause: unknown): FerryError {
  return new FerryError('LOCAL_PERMISSION', 'the access file cannot be read', { cause, path });
}
