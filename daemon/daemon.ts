import {
  BehaviorSubject,
  combineLatest,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  switchMap,
} from 'rxjs';
import type { Direction } from '../core/model/entry.ts';
import { FerryError } from '../core/model/errors.ts';
import type { ApiPair, ApiState } from './api.ts';
import type { Config, DriveConfig, PairConfig, Pause } from './config.ts';
import { withChange } from './config-change.ts';
import { loadConfig, updateConfig, withEntry } from './config-file.ts';
import { readLastRun, writeLastRun } from './last-run.ts';
import { DRIVE_SCHEDULE, DriveParts } from './open-drive.ts';
import { openPair } from './open-pair.ts';
import type { Workshop } from './open-replicas.ts';
import { type OpenedSession, PairSession, type PairSessionOptions } from './pair-session.ts';
import { checkOutsideDrives } from './places.ts';
import { parseRemote } from './remote-address.ts';
import { LOOK_AT_FOLDER_MS, LOOK_AT_SERVER_MS, withLooks } from './schedule.ts';
import { supervisionOf } from './supervised.ts';

/** How long the runs that pairs want at the end may take together. */
const EXIT_RUNS_MS = 300_000;

interface Held {
  readonly session: PairSession;
  /** The configuration it was made from, without its pause: another one means another session. */
  readonly fingerprint: string;
  readonly runsOnExit: boolean;
}

/** Opens a pair for a session: its hints are the local changes, and remote ones where the remote tells. */
async function openPairSession(
  workshop: Workshop,
  config: Config,
  name: string,
  pair: PairConfig,
): Promise<OpenedSession> {
  checkOutsideDrives(pair, config, workshop.cwd);
  const opened = await openPair(workshop, config, name, pair);
  const hints$ = pair.schedule.watch ? merge(opened.local.changes$, opened.remote.changes$) : NEVER;
  return { engine: opened.engine, hints$, close: () => opened.close() };
}

function rememberRuns(
  { home, logger }: Workshop,
  name: string,
): Pick<PairSessionOptions, 'lastRun' | 'onRunEnded'> {
  return {
    lastRun: readLastRun(home, name),
    onRunEnded: (run) => {
      writeLastRun(home, name, run).catch((error: unknown) =>
        logger.warn('the last run could not be noted', { pair: name, error }),
      );
    },
  };
}

/** Returns the session of one pair; also used by `ferry sync --watch`, without a daemon. */
export function pairSessionOf(
  workshop: Workshop,
  config: Config,
  name: string,
  pair: PairConfig,
  more: Pick<PairSessionOptions, 'catchUp' | 'onPauseOver' | 'onRunEnded'> = {},
): PairSession {
  const { local, remote, direction, schedule, pause } = pair;
  const { kind } = parseRemote(remote, config, workshop.cwd);
  const lookMs = kind === 'folder' ? LOOK_AT_FOLDER_MS : LOOK_AT_SERVER_MS;
  return new PairSession({
    fixed: { name, kind: 'folder', local, remote, direction },
    schedule: withLooks(schedule, lookMs),
    pause,
    open: () => openPairSession(workshop, config, name, pair),
    logger: workshop.logger.child({ pair: name }),
    ...rememberRuns(workshop, name),
    ...more,
  });
}

/** Returns the session of one drive; also used by `ferry mount --foreground`, without a daemon. */
export function driveSessionOf(
  workshop: Workshop,
  config: Config,
  name: string,
  drive: DriveConfig,
  more: Pick<PairSessionOptions, 'onPauseOver' | 'onRunEnded'> = {},
): PairSession {
  const { mountPoint: local, remote, direction, pause } = drive;
  const parts = new DriveParts(workshop, config, name, drive);
  return new PairSession({
    fixed: { name, kind: 'drive', local, remote, direction },
    schedule: DRIVE_SCHEDULE,
    pause,
    show: () => parts.show(),
    open: () => parts.open(),
    abandon: () => parts.abandon(),
    logger: workshop.logger.child({ pair: name }),
    ...rememberRuns(workshop, name),
    ...more,
  });
}

/** Holds every pair and drive of one user, as the configuration wants them. */
export class Daemon {
  readonly #workshop: Workshop;
  readonly #version: string;
  readonly #held$ = new BehaviorSubject<ReadonlyMap<string, Held>>(new Map());
  /** Changes of the configuration come one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(workshop: Workshop, version: string) {
    this.#workshop = workshop;
    this.#version = version;
  }

  /** Emits the whole state now and on every change. */
  get state$(): Observable<ApiState> {
    return this.#held$.pipe(
      switchMap((held) =>
        held.size === 0
          ? of([])
          : combineLatest([...held.values()].map(({ session }) => session.api$)),
      ),
      map((pairs) => this.#stateWith(pairs)),
    );
  }

  get state(): ApiState {
    const pairs = [...this.#held$.value.values()].map(({ session }) => session.api);
    return this.#stateWith(pairs);
  }

  #stateWith(pairs: readonly ApiPair[]): ApiState {
    const supervisor = supervisionOf(this.#workshop.environment);
    const known = supervisor === null ? {} : { supervisor };
    return { version: this.#version, pid: process.pid, pairs, ...known };
  }

  /** Returns the session named so. @throws CONFIG_INVALID */
  session(name: string): PairSession {
    const held = this.#held$.value.get(name);
    if (held !== undefined) return held.session;
    throw new FerryError(
      'CONFIG_INVALID',
      `the daemon has no pair named ${name}: see ferry status`,
    );
  }

  /** Makes the sessions what the configuration says; those that stay as they are go on undisturbed. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const { home, logger } = this.#workshop;
      await this.#follow(
        await loadConfig(home, (message) => logger.warn('configuration', { message })),
      );
    });
  }

  /** Lets one pair rest, also after a restart; undefined: go on. */
  pause(name: string, pause: Pause | undefined): Promise<void> {
    return this.#change((config) => withChange(config, name, { pause }));
  }

  /** Changes what a pair does; its records stay. */
  setDirection(name: string, direction: Direction): Promise<void> {
    return this.#change((config) => withChange(config, name, { direction }));
  }

  /** Takes a drive away and forgets it. @throws CONFIG_INVALID, MOUNT_BUSY */
  async unmount(name: string, options: { readonly lazy?: boolean }): Promise<void> {
    const session = this.session(name);
    if (session.api.kind !== 'drive')
      throw new FerryError('CONFIG_INVALID', `${name} is a pair of folders, not a drive`);
    await session.release(options);
    await this.#change((config) => ({
      ...config,
      drives: withEntry(config.drives, name, undefined),
    }));
  }

  /** Does the runs that pairs want at the end, then closes everything. */
  async close(signal?: AbortSignal): Promise<void> {
    await this.#queue;
    const held = [...this.#held$.value.values()];
    const limit = AbortSignal.any([
      AbortSignal.timeout(EXIT_RUNS_MS),
      ...(signal === undefined ? [] : [signal]),
    ]);
    const last = held.filter(({ runsOnExit, session }) => runsOnExit && !session.api.paused);
    await Promise.allSettled(last.map(({ session }) => session.sync({ signal: limit })));
    const results = await Promise.allSettled(held.map(({ session }) => session.close()));
    for (const result of results)
      if (result.status === 'rejected')
        this.#workshop.logger.error('could not be closed', { error: result.reason });
    this.#held$.complete();
  }

  #change(change: (config: Config) => Config): Promise<void> {
    return this.#inTurn(async () => {
      await this.#follow(await updateConfig(this.#workshop.home, change));
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #follow(config: Config): Promise<void> {
    const before = this.#held$.value;
    const wanted = this.#wanted(config);
    const stays = ([name, held]: readonly [string, Held]) =>
      wanted.get(name)?.fingerprint === held.fingerprint;
    await Promise.allSettled(
      [...before].filter((entry) => !stays(entry)).map(([, { session }]) => session.close()),
    );
    const after = new Map<string, Held>();
    const fresh: PairSession[] = [];
    for (const [name, { fingerprint, runsOnExit, pause, make }] of wanted) {
      const kept = before.get(name);
      if (kept !== undefined && stays([name, kept])) {
        after.set(name, kept);
        await kept.session.setPause(pause);
      } else {
        // After a change of its settings a pair's schedule begins anew.
        const session = make({ catchUp: kept === undefined });
        fresh.push(session);
        after.set(name, { session, fingerprint, runsOnExit });
      }
    }
    this.#held$.next(after);
    for (const session of fresh) session.start();
  }

  #wanted(config: Config) {
    const wanted = new Map<
      string,
      Omit<Held, 'session'> & {
        pause: Pause | undefined;
        make: (more: Pick<PairSessionOptions, 'catchUp'>) => PairSession;
      }
    >();
    const around = { ...config, pairs: undefined, drives: undefined, remotes: [...config.remotes] };
    const fingerprint = (entry: PairConfig | DriveConfig) =>
      JSON.stringify([{ ...entry, pause: undefined }, around]);
    for (const [name, pair] of config.pairs)
      wanted.set(name, {
        fingerprint: fingerprint(pair),
        runsOnExit: pair.schedule.onExit,
        pause: pair.pause,
        make: (more) =>
          pairSessionOf(this.#workshop, config, name, pair, { ...more, ...this.#pauseOver(name) }),
      });
    for (const [name, drive] of config.drives)
      wanted.set(name, {
        fingerprint: fingerprint(drive),
        runsOnExit: false,
        pause: drive.pause,
        make: () => driveSessionOf(this.#workshop, config, name, drive, this.#pauseOver(name)),
      });
    return wanted;
  }

  #pauseOver(name: string): Pick<PairSessionOptions, 'onPauseOver'> {
    const { logger } = this.#workshop;
    return {
      onPauseOver: () => {
        this.pause(name, undefined).catch((error: unknown) =>
          logger.error('a pause could not be ended', { pair: name, error }),
        );
      },
    };
  }
}
