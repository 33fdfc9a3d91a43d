import { type ChildProcess, spawn } from 'node:child_process';
import type { ApiCrash as Crash } from './api.ts';
import { readCrashNote, writeCrashNote } from './crash-note.ts';
import { drivesHeldBy } from './drive-holder.ts';
import { readDriveNote } from './drive-names.ts';
import type { Home } from './home.ts';
import {
  ONE_REQUEST_MS,
  READY,
  STOP,
  SUPERVISION_VARIABLE,
  type Supervision,
} from './supervised.ts';

/** So many crashes within the time below are a fault that another start does not put right. */
const CRASH_LIMIT = 5;
const CRASH_WINDOW_MS = 60_000;

/** Those that ask a process to end; any other signal that ended one was not meant for it. */
const ASKING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/** Another daemon took over meanwhile; and what shells expect after Ctrl-C. */
const EXIT_LOCKED = 15;
const EXIT_INTERRUPTED = 130;

export interface SupervisorOptions {
  /** The program and its arguments; run by this Node. */
  readonly command: readonly string[];
  /** What it is called in messages. */
  readonly what: string;
  readonly home: Home;
  readonly environment: NodeJS.ProcessEnv;
  /** Crashes are noted for `ferry doctor` and `ferry status`. */
  readonly isNoted: boolean;
  readonly say: (line: string) => void;
}

interface End {
  readonly pid: number;
  readonly wasReady: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a worker, and runs it again when it ends although nobody asked it to: killed, crashed, out of memory. What
 * waits for its drives fails at once then, instead of hanging. Ends with it otherwise, and after too many crashes.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limit: number;
  readonly #crashes: Crash[] = [];
  #worker: ChildProcess | null = null;
  #asked = 0;
  #askedAtMs = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { FERRY_CRASH_LIMIT } = options.environment;
    this.#limit = Number(FERRY_CRASH_LIMIT ?? CRASH_LIMIT);
  }

  /** Runs until the worker has ended for good, and returns the exit code. */
  async run(): Promise<number> {
    for (const signal of ASKING) process.on(signal, () => this.#stop(signal));
    if (this.#options.isNoted && readCrashNote(this.#options.home) !== null)
      writeCrashNote(this.#options.home, { crashes: [], gaveUp: false });
    for (;;) {
      const end = await this.#work();
      if (this.#isCrash(end) && !this.#givesUp(end)) {
        await this.#release(end.pid, false);
        // Somebody may have asked meanwhile, when there was no worker to tell.
        if (this.#asked === 0) continue;
      }
      await this.#release(end.pid, true);
      return end.code ?? (this.#asked > 0 ? EXIT_INTERRUPTED : 1);
    }
  }

  #work(): Promise<End> {
    const { command, environment } = this.#options;
    const supervision: Supervision = { pid: process.pid, crashes: this.#crashes };
    const worker = spawn(process.execPath, [...process.execArgv, ...command], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...environment, [SUPERVISION_VARIABLE]: JSON.stringify(supervision) },
    });
    this.#worker = worker;
    let wasReady = false;
    worker.on('message', (message) => {
      wasReady ||= message === READY;
    });
    return new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#worker = null;
        resolve({ pid: worker.pid ?? 0, wasReady, code, signal });
      };
      worker.once('error', () => end(1, null));
      worker.once('exit', end);
    });
  }

  /** The first time gracefully; whoever asks again does not want to wait. */
  #stop(signal: NodeJS.Signals): void {
    const now = Date.now();
    if (this.#asked > 0 && now - this.#askedAtMs < ONE_REQUEST_MS) return;
    this.#asked += 1;
    this.#askedAtMs = now;
    const worker = this.#worker;
    if (worker === null) return;
    // A terminal and systemd send the signal to the worker too, which would take a second one for impatience.
    if (this.#asked === 1 && worker.connected) worker.send(STOP, () => undefined);
    else worker.kill(this.#asked > 2 ? 'SIGKILL' : signal);
  }

  #isCrash({ code, signal, wasReady }: End): boolean {
    if (this.#asked > 0 || code === 0 || code === EXIT_INTERRUPTED) return false;
    if (signal !== null) return !ASKING.includes(signal);
    // What keeps it from beginning is said by the worker, and no fault; unless it had begun before.
    return wasReady || (this.#crashes.length > 0 && code !== EXIT_LOCKED);
  }

  #givesUp({ pid, code, signal }: End): boolean {
    const { home, what, isNoted, say } = this.#options;
    const how = signal ?? `exit code ${code}`;
    const now = Date.now();
    this.#crashes.push({ atMs: now, pid, how });
    if (this.#crashes.length > this.#limit) this.#crashes.shift();
    const recent = this.#crashes.filter(({ atMs }) => now - atMs < CRASH_WINDOW_MS).length;
    const gaveUp = recent >= this.#limit;
    say(
      gaveUp
        ? `ferry: ${what} ended unexpectedly ${recent} times within a minute (${how}), and is not started again`
        : `ferry: ${what} ended unexpectedly (${how}); it is started again`,
    );
    if (isNoted) writeCrashNote(home, { crashes: this.#crashes, gaveUp });
    return gaveUp;
  }

  /**
   * Lets go of who waits for a drive of the dead worker. The dead mount stays until the next worker takes its place:
   * what programs would write into the bare directory meanwhile is not of the drive.
   */
  async #release(pid: number, isOver: boolean): Promise<void> {
    const { home } = this.#options;
    const mountPoints = drivesHeldBy(home, pid).flatMap(
      (name) => readDriveNote(home, name)?.mountPoint ?? [],
    );
    if (mountPoints.length === 0) return;
    const { abandonMount } = await import('../fs-adapter/mount/mount-point.ts');
    await Promise.all(
      mountPoints.map((mountPoint) => abandonMount(mountPoint, { unmounts: isOver })),
    );
  }
}
