import { createPairEngineIn } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunRequest, RunSummary } from '../../core/engine/pair-engine.ts';
import type { Direction, Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { isNotice } from '../../core/model/problem.ts';
import { quietLogger } from '../support/quiet.ts';
import { Audit } from './audit.ts';
import type { Configuration } from './configuration.ts';
import { describe } from './describe.ts';
import {
  type FaultEvent,
  isTimed,
  isUserEvent,
  type Picks,
  type RunEvent,
  type ScheduleEvent,
  type TimedEvent,
  type UserEvent,
  type WorldEvent,
} from './events.ts';
import { Expectation } from './expectation.ts';
import { Oracle } from './oracle.ts';
import { isFileText, type Pictures, pictureOf } from './picture.ts';
import { Random } from './random.ts';
import { type Ended, Scheduler } from './scheduler.ts';
import { localVersion, openSimLocal, SimDisk } from './sim-local.ts';
import { openSimRemote, remoteVersion, SimServer } from './sim-remote.ts';
import { recordsHomeOf, SimRecords } from './sim-store.ts';
import { Trace } from './trace.ts';
import type { Inode } from './tree.ts';
import { carryOutUser } from './users.ts';

/** What came of one run. */
export interface RunOutcome {
  readonly type: Ended<unknown>['type'];
  readonly summary: RunSummary | null;
  readonly code: string | null;
  readonly message: string;
  /** Everything that could be done is done, and nothing is wrong. */
  readonly isClean: boolean;
  readonly changes: readonly string[];
  readonly reads: number;
}

/** A pair with the real core, two simulated sides and simulated records; events happen to it. */
export class SimWorld {
  readonly configuration: Configuration;
  readonly trace: Trace;
  readonly scheduler: Scheduler;
  readonly disk: SimDisk;
  readonly server: SimServer;
  readonly records = new SimRecords();
  readonly oracle = new Oracle();
  readonly expectation = new Expectation();
  readonly audit = new Audit();
  /** What was found wrong so far. */
  readonly violations: string[] = [];
  direction: Direction;
  /** A fault, a reset or a loss has happened: contents may have travelled more than once. */
  hadTrouble = false;
  /** Picks of the runs so far, as they were taken. */
  readonly taken: (readonly number[])[] = [];
  #engine: PairEngine | null = null;
  #timed: TimedEvent[] = [];

  constructor(configuration: Configuration, keepsLines = false) {
    this.configuration = configuration;
    this.direction = configuration.direction;
    this.trace = new Trace(keepsLines);
    this.scheduler = new Scheduler(this.trace);
    const now = (): number => this.scheduler.now();
    this.disk = new SimDisk(now);
    this.server = new SimServer(configuration.traits, now);
  }

  /** Contents and directories of both sides, as users see them. */
  pictures(): Pictures {
    return { local: pictureOf(this.disk.tree.root), remote: pictureOf(this.server.tree.root) };
  }

  /** Carries out one event; timed ones wait for the run that follows. */
  async apply(event: ScheduleEvent): Promise<void> {
    if (isTimed(event)) {
      this.#timed.push(event);
      return;
    }
    if (isUserEvent(event)) this.#user(event);
    else if (event.do === 'sync' || event.do === 'reset') await this.#chaosRun(event);
    else await this.#worldEvent(event);
  }

  #user(event: UserEvent): void {
    const trees = { local: this.disk.tree, remote: this.server.tree };
    if (event.side === 'remote' && this.server.isWiped) return;
    this.scheduler.advance(this.configuration.paceMs);
    this.expectation.noteUser(event);
    if (mayTravelTwice(event, this)) this.hadTrouble = true;
    const happened = carryOutUser(event, { trees, oracle: this.oracle });
    if (happened) this.trace.add(describe(event));
  }

  /** Ends all faults: the server is there, and what it had left to do is done. */
  beginCalm(): void {
    this.#timed = [];
    this.server.isWiped = false;
    this.scheduler.endFaults();
    this.trace.add('-- calm');
  }

  /** A reset has begun and not everything is transferred yet. */
  get isResetting(): boolean {
    return this.records.current?.rows.get('m!state')?.includes('"resetting":true') ?? false;
  }

  /** How many calls the last run made. */
  get lastCalls(): number {
    return this.scheduler.calls;
  }

  get hasConflicts(): boolean {
    for (const key of this.records.current?.rows.keys() ?? [])
      if (key.startsWith('c!')) return true;
    return false;
  }

  /** Returns what the side calls the state of a file. */
  versionOf(side: Side, node: Inode): string {
    return side === 'local' ? localVersion(node) : remoteVersion(node);
  }

  async #worldEvent(event: WorldEvent): Promise<void> {
    this.trace.add(describe(event));
    switch (event.do) {
      case 'direction':
        if (event.direction === this.direction) return;
        await this.#closeEngine();
        this.direction = event.direction;
        this.#trouble();
        return;
      case 'restart':
        return this.#closeEngine();
      case 'outage':
        this.hadTrouble = true;
        return this.#crash({ do: 'power', after: false, loss: event.loss });
      case 'snapshot':
        return this.server.snapshot();
      case 'restore':
        return this.#restore();
      case 'wipe':
        this.server.isWiped = true;
        return this.#trouble();
      default:
        await this.#closeEngine();
        this.#trouble();
        if (event.do === 'lose-suffix') this.records.current?.loseBatches(event.batches);
        else if (event.do === 'lose-store') this.records.loseStore();
        else this.records.current?.damage(event.row);
    }
  }

  #trouble(): void {
    this.hadTrouble = true;
    this.expectation.spoil();
  }

  /** An administrator's deed: what is gone with it was given up, what is back was made. */
  #restore(): void {
    const before = pictureOf(this.server.tree.root);
    this.scheduler.settleLate();
    if (!this.server.restore()) return;
    this.#trouble();
    const after = new Set(pictureOf(this.server.tree.root).values());
    for (const text of before.values())
      if (isFileText(text) && !after.has(text)) this.oracle.release(text, 'remote');
    const known = new Set(before.values());
    for (const text of after)
      if (isFileText(text) && !known.has(text)) this.oracle.comeBack(text, 'remote');
  }

  async #chaosRun(event: RunEvent): Promise<void> {
    const timed = this.#timed;
    this.#timed = [];
    if (timed.length > 0 || event.do === 'reset') this.hadTrouble = true;
    const wasWiped = this.server.isWiped;
    const outcome = await this.run(event.do, {}, event.picks, timed);
    if (wasWiped) this.#judgeWiped(outcome);
    this.server.isWiped = false;
    if (outcome.type === 'failed' && timed.length === 0 && !this.hadTrouble) {
      if (outcome.code !== 'GUARD_STOPPED')
        this.violations.push(
          `I13: a run without faults failed: ${outcome.code} ${outcome.message}`,
        );
    }
  }

  /** A side that shows nothing all at once makes nothing go on the other one (I7). */
  #judgeWiped({ changes }: RunOutcome): void {
    const removed = changes.filter((change) => change.startsWith('remove local'));
    if (removed.length > 0)
      this.violations.push(`I7: ${removed.join(', ')} as the server was empty`);
  }

  /** Lets the pair run once, with what happens meanwhile. */
  async run(
    kind: RunEvent['do'],
    request: RunRequest,
    picks?: Picks,
    timed: readonly TimedEvent[] = [],
  ): Promise<RunOutcome> {
    const { audit, expectation, scheduler, trace } = this;
    trace.add(`-- ${kind}`);
    audit.beginRun();
    audit.master = masterOf(this.direction);
    expectation.noteRun(() => this.pictures());
    if (kind === 'reset') expectation.spoil();
    const controller = new AbortController();
    const before = timed.length === 0 ? {} : { before: this.#happenings(timed, controller) };
    const work = this.#work(kind, { ...request, signal: controller.signal });
    const ended = await scheduler.drive(work, { picks, ...before });
    this.taken.push(scheduler.takenPicks);
    const outcome = this.#outcome(ended);
    trace.add(`-- ${outcome.type} ${outcome.code ?? ''} ${outcome.message}`);
    await this.#judgeRun(ended, outcome);
    return outcome;
  }

  async #work(kind: RunEvent['do'], request: RunRequest): Promise<RunSummary> {
    const engine = await this.engine();
    return kind === 'reset' ? engine.reset(request) : engine.run(request);
  }

  async engine(): Promise<PairEngine> {
    if (this.#engine !== null) return this.#engine;
    const { scheduler, audit, configuration, disk, server } = this;
    const { lanes, deletes, mirror } = configuration;
    this.#engine = await createPairEngineIn({
      settings: {
        name: 'simulation',
        direction: this.direction,
        deletes,
        mirror,
        ignore: [],
        maxDeleteFraction: 0.25,
        trustTimes: false,
        deviceName: 'laptop',
      },
      local: openSimLocal({ disk, scheduler, audit, lanes }),
      remote: openSimRemote({ server, scheduler, audit, lanes }),
      recordsHome: recordsHomeOf(this.records, scheduler),
      clock: scheduler,
      logger: quietLogger,
    });
    return this.#engine;
  }

  #happenings(
    timed: readonly TimedEvent[],
    controller: AbortController,
  ): (number: number) => FaultEvent | null {
    return (number) => {
      let fault: FaultEvent | null = null;
      for (const event of timed) {
        if (event.at !== number) continue;
        if (isUserEvent(event)) this.#user(event);
        else {
          if (event.do === 'cancel') controller.abort();
          fault = event;
        }
      }
      return fault;
    };
  }

  #outcome(ended: Ended<RunSummary>): RunOutcome {
    const summary = ended.type === 'done' ? ended.value : null;
    const error = ended.type === 'failed' ? ended.error : null;
    return {
      type: ended.type,
      summary,
      code: error instanceof FerryError ? error.code : error === null ? null : 'NO FERRY ERROR',
      message: error instanceof Error ? error.message : '',
      isClean: summary?.complete === true && summary.problems.every((problem) => isNotice(problem)),
      changes: [...this.audit.changes],
      // A destination's own edits are looked at in each run; the contents of what is only read do not travel.
      reads:
        this.audit.reads.remote +
        (this.direction === 'remote-to-local' ? 0 : this.audit.reads.local),
    };
  }

  async #judgeRun(ended: Ended<RunSummary>, outcome: RunOutcome): Promise<void> {
    const { violations, audit, scheduler } = this;
    if (ended.type === 'crashed') this.#crash(ended.fault);
    if (ended.type === 'endless') violations.push('I13: a run does not end');
    if (ended.type === 'foreign-await')
      violations.push('I14: the core waits for something that is no call of this world');
    if (ended.type === 'endless' || ended.type === 'foreign-await') this.#abandon();
    if (outcome.code === 'INTERNAL' || outcome.code === 'NO FERRY ERROR')
      violations.push(`I13: the core failed: ${outcome.message}`);
    const isLeft = scheduler.pendingCalls.length > 0;
    if ((ended.type === 'done' || ended.type === 'failed') && isLeft) {
      violations.push(`I13: the run has ended, its work has not: ${scheduler.pendingCalls.join()}`);
      this.#abandon();
    }
    violations.push(...audit.violations.splice(0));
    this.#judgeVisible();
    if (outcome.isClean && scheduler.endedRefused)
      violations.push('I13: a run says that all is done, although a change was refused in it');
    const { deletes, mirror, traits } = this.configuration;
    if (!outcome.isClean) this.expectation.noteCutOff(traits.identities);
    if (this.scheduler.hasLate) this.expectation.noteLate();
    if (!outcome.isClean || this.server.isWiped || deletes === 'keep' || mirror) return;
    const conflicts = (await this.#engine?.conflicts()) ?? [];
    const wrong = this.expectation.judge({
      after: this.pictures(),
      direction: this.direction,
      conflicts,
      hasIdentities: traits.identities,
    });
    violations.push(...wrong.map((one) => (one.startsWith('I6') ? one : `I8: ${one}`)));
  }

  /** No content is half there (I2), and none that nobody gave up is gone (I1). */
  #judgeVisible(): void {
    const { local, remote } = this.pictures();
    for (const [side, picture] of [
      ['local', local],
      ['remote', remote],
    ] as const)
      for (const [path, drawn] of picture)
        if (isFileText(drawn) && !this.oracle.isAuthored(drawn))
          this.violations.push(`I2: ${side} ${path} holds ${JSON.stringify(drawn)}`);
    const missing = this.oracle.missingFrom(
      local,
      remote,
      pictureOf(this.disk.stage),
      pictureOf(this.disk.versions),
    );
    for (const text of missing) this.violations.push(`I1: ${text} is lost`);
  }

  #crash(fault: FaultEvent & { do: 'kill' | 'power' }): void {
    this.#abandon();
    if (fault.do === 'kill') return;
    this.disk.losePower(new Random(fault.loss), this.configuration.ordersNames);
    this.records.losePower();
  }

  /** The process is gone, with all that it had in mind. */
  #abandon(): void {
    this.scheduler.abandon();
    this.#engine = null;
  }

  async #closeEngine(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
  }
}

/** Returns the side on which nothing may be changed. */
export function masterOf(direction: Direction): Side | null {
  if (direction === 'two-way') return null;
  return direction === 'local-to-remote' ? 'local' : 'remote';
}

/** Tells whether a content may travel again because of what a user did. */
function mayTravelTwice(event: UserEvent, { direction, server }: SimWorld): boolean {
  const master = masterOf(direction);
  // Without hashes, a file whose version changed is fetched to see what is in it.
  if (event.do === 'touch') return !server.traits.hashes;
  // What the destination has moved away is missing at its place when the master moves it.
  return (event.do === 'move' || event.do === 'swap') && master !== null && master !== event.side;
}
