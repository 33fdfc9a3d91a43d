import type { Configuration } from './configuration.ts';
import type { RunEvent, ScheduleEvent } from './events.ts';
import { given, type Played, play } from './play.ts';

/** A schedule that fails, with as few events as could be found. */
export interface Shrunk {
  readonly configuration: Configuration;
  readonly events: readonly ScheduleEvent[];
  readonly violations: readonly string[];
  readonly replays: number;
}

export interface ShrinkOptions {
  readonly maxReplays: number;
  readonly maxMs: number;
  readonly nowMs: () => number;
}

/** Looks for a small schedule that breaks the same invariant, by taking events and choices away. */
export async function shrink(
  configuration: Configuration,
  played: Played,
  options: ShrinkOptions,
): Promise<Shrunk> {
  const shrinker = new Shrinker(configuration, played, options);
  return shrinker.run();
}

function kindOf(violations: readonly string[]): string {
  return violations[0]?.slice(0, violations[0].indexOf(':')) ?? '';
}

function isRun(event: ScheduleEvent): event is RunEvent {
  return event.do === 'sync' || event.do === 'reset';
}

class Shrinker {
  readonly #options: ShrinkOptions;
  readonly #kind: string;
  readonly #until: number;
  #configuration: Configuration;
  #events: readonly ScheduleEvent[];
  #violations: readonly string[];
  #taken: Played['taken'];
  #replays = 0;

  constructor(configuration: Configuration, played: Played, options: ShrinkOptions) {
    this.#options = options;
    this.#configuration = configuration;
    this.#events = played.events;
    this.#violations = played.violations;
    this.#taken = played.taken;
    this.#kind = kindOf(played.violations);
    this.#until = options.nowMs() + options.maxMs;
  }

  async run(): Promise<Shrunk> {
    for (let before = -1; before !== this.#size; ) {
      before = this.#size;
      await this.#withoutEvents();
      await this.#withoutPicks();
      await this.#earlier();
      await this.#simplerConfiguration();
    }
    return {
      configuration: this.#configuration,
      events: this.#events,
      violations: this.#violations,
      replays: this.#replays,
    };
  }

  get #size(): number {
    return JSON.stringify(this.#events).length;
  }

  get #isExhausted(): boolean {
    return this.#replays >= this.#options.maxReplays || this.#options.nowMs() > this.#until;
  }

  /** Keeps the candidate when it still fails in the same way. */
  async #try(
    events: readonly ScheduleEvent[],
    configuration = this.#configuration,
  ): Promise<boolean> {
    if (this.#isExhausted) return false;
    this.#replays++;
    const played = await play(configuration, given(events));
    if (!played.violations.some((one) => one.startsWith(`${this.#kind}:`))) return false;
    this.#events = events;
    this.#configuration = configuration;
    this.#violations = played.violations;
    this.#taken = played.taken;
    return true;
  }

  /** Delta debugging: halves, quarters, … down to single events. */
  async #withoutEvents(): Promise<void> {
    for (let length = this.#events.length >> 1 || 1; length >= 1; length >>= 1)
      for (let start = 0; start < this.#events.length; ) {
        const fewer = [...this.#events];
        fewer.splice(start, length);
        if (!(await this.#try(fewer))) start += length;
      }
  }

  /** Takes the first call that is ready each time, or else as often as that still fails. */
  async #withoutPicks(): Promise<void> {
    for (let index = 0; index < this.#events.length; index++) {
      const event = this.#events[index] as ScheduleEvent;
      if (!isRun(event) || event.picks === undefined) continue;
      if (await this.#try(this.#events.with(index, { do: event.do }))) continue;
      const run = this.#events.slice(0, index).filter(isRun).length;
      const picks = typeof event.picks === 'number' ? (this.#taken[run] ?? []) : event.picks;
      if (!(await this.#try(this.#withPicks(index, event, picks)))) continue;
      await this.#zeroPicks(index);
    }
  }

  async #zeroPicks(index: number): Promise<void> {
    const picks = (): readonly number[] => {
      const event = this.#events[index] as RunEvent;
      return typeof event.picks === 'object' ? event.picks : [];
    };
    for (let length = picks().length; length >= 1; length >>= 1)
      for (let start = 0; start < picks().length; start += length) {
        const zeroed = picks().map((pick, at) => (at >= start && at < start + length ? 0 : pick));
        if (zeroed.join() === picks().join()) continue;
        await this.#try(this.#withPicks(index, this.#events[index] as RunEvent, zeroed));
      }
  }

  #withPicks(index: number, event: RunEvent, picks: readonly number[]): ScheduleEvent[] {
    const last = picks.findLastIndex((pick) => pick !== 0);
    return this.#events.with(index, { do: event.do, picks: picks.slice(0, last + 1) });
  }

  /** Lets what happens in a run happen earlier. */
  async #earlier(): Promise<void> {
    for (let index = 0; index < this.#events.length; index++) {
      const event = this.#events[index] as ScheduleEvent;
      if (!('at' in event)) continue;
      for (let at = 1; at < event.at && !this.#isExhausted; at++)
        if (await this.#try(this.#events.with(index, { ...event, at }))) break;
    }
  }

  async #simplerConfiguration(): Promise<void> {
    const simpler: Partial<Configuration>[] = [
      { lanes: 1 },
      { ordersNames: true },
      { mirror: false },
      { deletes: 'propagate' },
      { traits: { ...this.#configuration.traits, identities: true } },
      { traits: { ...this.#configuration.traits, hashes: true } },
      { traits: { ...this.#configuration.traits, mtimePrecisionNs: 1n } },
      { traits: { ...this.#configuration.traits, rootId: false } },
      { faults: new Set() },
    ];
    for (const change of simpler)
      await this.#try(this.#events, { ...this.#configuration, ...change });
  }
}
