import { type ErrorCode, FerryError } from '../../core/model/errors.ts';
import type { Clock } from '../../core/ports.ts';

/** A server is left alone for so long at most, whatever it asks for. */
const LONGEST_REST_MS = 300_000;
const FIRST_REST_MS = 2_000;
/** A rest up to here is waited out; for a longer one, requests fail at once. */
const WAITED_OUT_MS = 20_000;
/** Refusals by 429 in a row before the server is left alone without having named a time. */
const PUSHES = 3;
/** Servers lock accounts after a few wrong passwords, often for a quarter of an hour. */
const SIGN_IN_TRIES = 3;
const SIGN_IN_REST_MS = 15 * 60_000;

/** Of one request, what the gate has to know. */
export interface Passage {
  /** The request that every run begins with: it may find out whether things are well again. */
  readonly isFirstLook: boolean;
  /** The same request was sent and waited for before. */
  readonly isRepeat: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface GateOptions {
  readonly host: string;
  readonly clock: Clock;
  readonly random?: () => number;
}

/**
 * Stands before one server: requests wait or fail here instead of hammering a server that is overloaded, away, or
 * that refuses the sign-in. One for all requests to one origin with one sign-in.
 */
export class Gate {
  readonly #options: GateOptions;
  /** Until when the server is left alone, and why. */
  #rest: { readonly untilMs: number; readonly code: ErrorCode; readonly asked: boolean } | null =
    null;
  #pushes = 0;
  #rests = 0;
  /** A sign-in that was refused, and in how many runs in a row. */
  #refused: { readonly times: number; readonly atMs: number } | null = null;
  #isSigningInAgain = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Resolves when a request may be sent.
   * @throws REMOTE_RATE_LIMITED, REMOTE_UNREACHABLE, REMOTE_UNAUTHORIZED when it may not be
   */
  async enter(passage: Passage): Promise<void> {
    this.#holdSignIn(passage);
    const rest = this.#rest;
    if (rest === null || passage.isRepeat) return;
    const { clock, host } = this.#options;
    const leftMs = rest.untilMs - clock.now();
    if (leftMs <= 0 || (passage.isFirstLook && !rest.asked)) return;
    if (leftMs <= WAITED_OUT_MS && rest.asked) return await clock.sleep(leftMs, passage.signal);
    const until = new Date(rest.untilMs).toTimeString().slice(0, 8);
    const why = rest.asked ? 'the server asked to be left alone' : 'the server does not answer';
    throw new FerryError(rest.code, `${host}: ${why}; it is asked again from ${until} on`);
  }

  /** Takes note of an answer, and of the time that it asks to wait. */
  answered(status: number, retryAfterMs: number, { isFirstLook }: Passage): void {
    if (status === 401 || status === 407) {
      this.#refuse();
      return;
    }
    this.#refused = null;
    if (status === 429) {
      this.#pushes += 1;
      if (retryAfterMs > 0 || this.#pushes >= PUSHES)
        this.#close('REMOTE_RATE_LIMITED', retryAfterMs, true);
    } else if (status === 503 && isFirstLook && retryAfterMs > 0) {
      // Anywhere else it may be about one folder, whose storage is away.
      this.#close('REMOTE_UNREACHABLE', retryAfterMs, true);
    } else if (status < 500) {
      this.#pushes = 0;
      this.#rests = 0;
      this.#rest = null;
    }
  }

  /** Takes note that the server itself does not answer. */
  lost(): void {
    this.#close('REMOTE_UNREACHABLE', 0, false);
  }

  #close(code: ErrorCode, askedMs: number, asked: boolean): void {
    const { clock, random = Math.random } = this.#options;
    const now = clock.now();
    const isNew = this.#rest === null || this.#rest.untilMs <= now;
    if (isNew) this.#rests += 1;
    const grown = FIRST_REST_MS * 2 ** Math.min(this.#rests - 1, 10) * (0.75 + random() / 2);
    const ms = Math.min(LONGEST_REST_MS, askedMs > 0 ? askedMs : grown);
    if (!isNew && this.#rest !== null && this.#rest.untilMs >= now + ms) return;
    this.#rest = { untilMs: now + ms, code, asked };
  }

  /** However many requests were under way: a run counts once. */
  #refuse(): void {
    const times = this.#refused?.times ?? 0;
    const counts = this.#refused === null || this.#isSigningInAgain;
    this.#isSigningInAgain = false;
    this.#refused = { times: counts ? times + 1 : times, atMs: this.#options.clock.now() };
  }

  /** Once refused, a sign-in is tried again by the first request of a run only, and not for ever. */
  #holdSignIn({ isFirstLook }: Passage): void {
    if (this.#refused === null) return;
    const { clock, host } = this.#options;
    const { times, atMs } = this.#refused;
    const isUsedUp = times >= SIGN_IN_TRIES && clock.now() - atMs < SIGN_IN_REST_MS;
    if (isFirstLook && !isUsedUp) {
      this.#isSigningInAgain = true;
      return;
    }
    const held = isUsedUp
      ? ` ${times} times; so that the account is not locked, it is not tried again for a quarter of an hour`
      : '';
    throw new FerryError(
      'REMOTE_UNAUTHORIZED',
      `${host}: the sign-in was refused${held}; check user and password`,
    );
  }
}
