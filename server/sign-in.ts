import { createHmac, randomBytes } from 'node:crypto';
import type { Clock, Logger } from '../core/ports.ts';
import { DavError } from './dav-error.ts';
import { hashPassword, type User, verifyPassword } from './users.ts';

/** A verified credential is believed for so long without hashing again. */
const REMEMBER_MS = 5 * 60_000;
const MAX_REMEMBERED = 1000;
/** So many failures are free; each further one doubles the wait. */
const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;
const FORGET_FAILURES_MS = 15 * 60_000;
const MAX_WATCHED = 10_000;
/** A hash costs 19 MiB and 50 ms; more at a time would let strangers use up the machine. */
const MAX_HASHING = 2;
const MAX_WAITING = 64;

interface Credential {
  readonly name: string;
  readonly password: string;
}

interface Failures {
  readonly count: number;
  readonly lastAtMs: number;
}

/** Checks who asks, by HTTP Basic; slows down whoever guesses, by account and by address. */
export class SignIn {
  readonly #users: ReadonlyMap<string, User>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #logger: Logger;
  readonly #key = randomBytes(32);
  readonly #remembered = new Map<string, number>();
  readonly #checking = new Map<string, Promise<boolean>>();
  readonly #failures = new Map<string, Failures>();
  readonly #queue: (() => void)[] = [];
  #hashing = 0;
  /** What unknown names are checked against, so that they take as long as known ones. */
  #decoy: Promise<string> | null = null;

  constructor(users: readonly User[], clock: Pick<Clock, 'now'>, logger: Logger) {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Returns the name of the user that an `Authorization` header proves.
   * @throws DavError 401 without a right one, 429 while the account or the address has to wait
   */
  async check(authorization: string | undefined, address: string): Promise<string> {
    const given = parseBasic(authorization);
    if (given === null) throw unauthorized('sign in with a user name and a password');
    // The cache is keyed by a hash under a key of this process: a memory dump holds no password.
    const proof = createHmac('sha256', this.#key)
      .update(`${given.name}\0${given.password}`)
      .digest('base64');
    const now = this.#clock.now();
    const until = this.#remembered.get(proof);
    if (until !== undefined && now < until && until - now <= REMEMBER_MS) return given.name;
    const watched = [`account ${given.name}`, `address ${address}`];
    this.#requirePatience(watched, now);
    const isRight = await this.#checkOnce(proof, given, watched);
    if (!isRight) {
      this.#logger.warn('sign-in failed', { user: given.name, address });
      this.#countFailure(watched, now);
      throw unauthorized('the user name or the password is wrong');
    }
    for (const key of watched) this.#failures.delete(key);
    this.#remember(proof, now);
    return given.name;
  }

  /** Requests that arrive together with one credential share one hash. */
  #checkOnce(proof: string, given: Credential, watched: readonly string[]): Promise<boolean> {
    const running = this.#checking.get(proof);
    if (running !== undefined) return running;
    const check = this.#hashed(given, watched).finally(() => this.#checking.delete(proof));
    this.#checking.set(proof, check);
    return check;
  }

  async #hashed({ name, password }: Credential, watched: readonly string[]): Promise<boolean> {
    await this.#enter();
    try {
      // Guesses that came in one burst have waited here for the first of them to fail.
      this.#requirePatience(watched, this.#clock.now());
      const user = this.#users.get(name);
      this.#decoy ??= hashPassword(randomBytes(16).toString('hex'));
      const passwordHash = user?.passwordHash ?? (await this.#decoy);
      const isRight = await verifyPassword(passwordHash, password);
      return user !== undefined && isRight;
    } finally {
      this.#hashing--;
      this.#queue.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    if (this.#hashing >= MAX_HASHING) {
      if (this.#queue.length >= MAX_WAITING) throw tooMany(1);
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    }
    this.#hashing++;
  }

  #requirePatience(watched: readonly string[], now: number): void {
    for (const key of watched) {
      const failures = this.#failures.get(key);
      if (failures === undefined || failures.count < FREE_FAILURES) continue;
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures.count - FREE_FAILURES), MAX_WAIT_MS);
      const leftMs = failures.lastAtMs + wait - now;
      if (leftMs > 0) throw tooMany(Math.ceil(leftMs / 1000));
    }
  }

  #countFailure(watched: readonly string[], now: number): void {
    if (this.#failures.size > MAX_WATCHED) this.#forgetOldFailures(now);
    for (const key of watched) {
      const before = this.#failures.get(key);
      const isOld = before === undefined || now - before.lastAtMs > FORGET_FAILURES_MS;
      this.#failures.set(key, { count: isOld ? 1 : before.count + 1, lastAtMs: now });
    }
  }

  #forgetOldFailures(now: number): void {
    for (const [key, { lastAtMs }] of this.#failures)
      if (now - lastAtMs > FORGET_FAILURES_MS) this.#failures.delete(key);
    // All of them recent: a flood of made-up names. The oldest half goes.
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= MAX_WATCHED / 2) break;
      this.#failures.delete(key);
    }
  }

  #remember(proof: string, now: number): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(proof, now + REMEMBER_MS);
  }
}

function parseBasic(header: string | undefined): Credential | null {
  const encoded = /^basic +([a-z0-9+/]+=*)$/i.exec(header?.trim() ?? '')?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function unauthorized(message: string): DavError {
  return new DavError(401, message, {
    headers: { 'www-authenticate': 'Basic realm="Ferry", charset="UTF-8"' },
  });
}

function tooMany(seconds: number): DavError {
  return new DavError(429, `too many failed sign-ins; wait ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
