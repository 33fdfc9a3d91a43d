import { FerryError } from '../../core/model/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { FaultEvent, Picks } from './events.ts';
import { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** Whose call it is. */
export type Target = 'local' | 'remote' | 'store' | 'clock';

interface Call {
  readonly target: Target;
  readonly label: string;
  readonly perform: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** How a piece of work ended. */
export type Ended<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'failed'; readonly error: unknown }
  | { readonly type: 'crashed'; readonly fault: FaultEvent & { do: 'kill' | 'power' } }
  /** More calls than any run can need. */
  | { readonly type: 'endless' }
  /** The work waits for something that is not a call of this world. */
  | { readonly type: 'foreign-await' };

export interface DriveOptions {
  readonly picks?: Picks | undefined;
  /** Carries out what happens before that call and returns the fault of that call, if any. */
  readonly before?: (number: number) => FaultEvent | null;
}

const MAX_CALLS = 4000;
/** Turns of the event loop without a call before the work is taken to wait for something else. */
const MAX_IDLE = 3;
const CALL_MS = 3;
const LISTING = /^(?:local|remote) list/;
/** Calls of which a run must not think that all is well when they are refused. */
const CHANGE =
  /^(?:local|remote) (?:check|exchange|publish|rename|put|move|delete|rmdir|set times)/;

/**
 * Holds every call that a piece of work makes and carries them out one at a time, in the order that the picks say.
 * There are no timers and no threads: the same picks give the same run.
 */
export class Scheduler implements Clock {
  readonly #trace: Trace;
  readonly #late: { readonly dueAt: number; readonly call: Call }[] = [];
  #pending: Call[] = [];
  #nowMs = Date.UTC(2026, 0, 5, 9);
  /** Calls of all runs, so that late requests find their moment. */
  #performed = 0;
  #offlineCalls = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  now(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  async sleep(ms: number): Promise<void> {
    await this.call('clock', `sleep ${ms}`, () => this.advance(ms));
  }

  /** Waits for its turn and then does the work, which must not wait for anything. */
  call<T>(target: Target, label: string, perform: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ target, label, perform, resolve: resolve as Call['resolve'], reject });
    });
  }

  /** Lets the calls of `work` happen until it has ended, or was ended. */
  drive<T>(work: Promise<T>, options: DriveOptions = {}): Promise<Ended<T>> {
    const { picks } = options;
    const drawn = typeof picks === 'number' ? new Random(picks) : null;
    const given = typeof picks === 'object' ? picks : [];
    const taken: number[] = [];
    let ended: Ended<T> | null = null;
    let number = 0;
    let idle = 0;
    const turn = (): Ended<T> | 'idle' | null => {
      const ready = this.#pending.length;
      if (ready === 0) return ++idle > MAX_IDLE ? { type: 'foreign-await' } : 'idle';
      idle = 0;
      number++;
      this.calls = number;
      if (number > MAX_CALLS) return { type: 'endless' };
      let pick = 0;
      if (ready > 1) {
        pick = drawn === null ? (given[taken.length] ?? 0) % ready : drawn.below(ready);
        taken.push(pick);
      }
      const call = this.#pending.splice(pick, 1)[0] as Call;
      const fault = this.#carryOut(call, options.before?.(number) ?? null);
      return fault === null ? null : { type: 'crashed', fault };
    };
    work.then(
      (value) => {
        ended = { type: 'done', value };
      },
      (error: unknown) => {
        ended = { type: 'failed', error };
      },
    );
    this.takenPicks = taken;
    this.#refusedAt = 0;
    this.#listedAt = 0;
    // Ticks come when no promise has anything left to do. One that is asked for in a tick would come before that.
    return new Promise((resolve) => {
      const arm = (): void => process.nextTick(tick);
      const tick = (): void => {
        const end = ended ?? turn();
        if (end === 'idle') setImmediate(tick);
        else if (end === null) queueMicrotask(arm);
        else resolve(end);
      };
      queueMicrotask(arm);
    });
  }

  /** Calls of the last run. */
  calls = 0;
  #refusedAt = 0;
  #listedAt = 0;

  /** A change was refused in the last run because something else was there, and nothing was looked at after it. */
  get endedRefused(): boolean {
    return this.#refusedAt > this.#listedAt;
  }

  /** What was picked in the last run, each time there was a choice. */
  takenPicks: readonly number[] = [];

  /** Forgets the calls of whoever made them: it is dead. */
  abandon(): void {
    this.#pending = [];
    this.#offlineCalls = 0;
  }

  /** Carries out all late requests now. */
  settleLate(): void {
    for (const { call } of this.#late.splice(0)) this.#performLate(call);
  }

  /** Ends what faults still have to do. */
  endFaults(): void {
    this.#offlineCalls = 0;
    this.settleLate();
  }

  /** Requests that nobody waits for any more are still to be carried out. */
  get hasLate(): boolean {
    return this.#late.length > 0;
  }

  get pendingCalls(): readonly string[] {
    return this.#pending.map(({ label }) => label);
  }

  #carryOut(call: Call, fault: FaultEvent | null): (FaultEvent & { do: 'kill' | 'power' }) | null {
    this.#performed++;
    this.#nowMs += CALL_MS;
    this.#performDue();
    if (fault?.do === 'kill' || fault?.do === 'power') {
      if (fault.after) this.#performLate(call);
      this.#trace.add(`${fault.do} ${fault.after ? 'after' : 'before'} ${call.label}`);
      return fault;
    }
    if (fault?.do === 'offline') this.#offlineCalls = fault.calls;
    const isDown = call.target === 'remote' && this.#offlineCalls > 0;
    if (isDown) this.#offlineCalls--;
    this.#perform(call, isDown ? { do: 'fail', code: 'REMOTE_UNREACHABLE' } : fault);
    return null;
  }

  #perform(call: Call, fault: FaultEvent | null): void {
    const { target, label } = call;
    const isRequest = target === 'remote';
    if (fault?.do === 'fail' && target !== 'clock' && fits(fault.code, target)) {
      this.#trace.add(`${label}: ${fault.code}`);
      call.reject(new FerryError(fault.code, `${label}: a fault of the simulation`));
      return;
    }
    if (fault?.do === 'late' && isRequest) {
      this.#trace.add(`${label}: given up`);
      this.#late.push({ dueAt: this.#performed + fault.by, call });
      call.reject(new FerryError('REMOTE_UNREACHABLE', `${label}: no answer`));
      return;
    }
    try {
      const value = call.perform() as never;
      if (fault?.do === 'lose-answer' && isRequest) {
        this.#trace.add(`${label}: done, answer lost`);
        call.reject(new FerryError('REMOTE_UNREACHABLE', `${label}: the answer was lost`));
        return;
      }
      if (LISTING.test(label)) this.#listedAt = this.calls;
      this.#trace.add(label);
      call.resolve(value);
    } catch (error) {
      const code = error instanceof FerryError ? error.code : String(error);
      if (code === 'CHANGED' && CHANGE.test(label)) this.#refusedAt = this.calls;
      this.#trace.add(`${label}: ${code}`);
      call.reject(error);
    }
  }

  #performDue(): void {
    if (this.#late.length === 0) return;
    for (const one of this.#late.splice(0))
      if (one.dueAt <= this.#performed) this.#performLate(one.call);
      else this.#late.push(one);
  }

  #performLate({ label, perform }: Call): void {
    try {
      perform();
      this.#trace.add(`${label}: nobody hears`);
    } catch (error) {
      this.#trace.add(
        `${label}: nobody hears: ${error instanceof FerryError ? error.code : String(error)}`,
      );
    }
  }
}

function fits(code: string, target: Target): boolean {
  return code.startsWith('REMOTE_') ? target === 'remote' : target !== 'remote';
}
