import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiPair, ApiState } from '../../daemon/api.ts';
import { type ControlClient, createControlClient } from '../../daemon/control-client.ts';
import { readCrashNote } from '../../daemon/crash-note.ts';
import { resolveHome } from '../../daemon/home.ts';
import { ServerProcess } from '../crash/server-process.ts';
import { lastLines } from '../support/last-words.ts';
import { FERRY_MAIN } from '../support/run-ferry.ts';

/** Begins what the sanitizers report. */
const SANITIZER = 'Sanitizer: ';
const COMMAND_MS = 60_000;
const QUIET_MS = 120_000;
const GONE_MS = 20_000;
/** Until the supervisor has noted a crash. */
const NOTED_MS = 500;

const WITHOUT_GUARDS = { yes: true, allowDeletes: true };

export interface StageOptions {
  /** Directory that the companion server serves; made if missing. Absent: one of the stage's own. */
  readonly served?: string;
  readonly flags?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** A real drive of a real daemon, mounted from a companion server that runs in its own process. */
export class DriveStage {
  readonly directory: string;
  readonly drive: string;
  readonly served: string;
  readonly server = new ServerProcess();
  readonly #environment: NodeJS.ProcessEnv;
  readonly #home: string;
  readonly client: ControlClient;

  private constructor(directory: string, options: StageOptions) {
    this.directory = directory;
    this.drive = join(directory, 'drive');
    this.served = options.served ?? join(directory, 'served');
    this.#home = join(directory, 'home');
    this.#environment = { ...process.env, ...options.environment, FERRY_HOME: this.#home };
    this.client = createControlClient(resolveHome({ FERRY_HOME: this.#home }).socketPath);
  }

  static async start(options: StageOptions = {}): Promise<DriveStage> {
    const stage = new DriveStage(await mkdtemp(join(tmpdir(), 'ferry-stage-')), options);
    await mkdir(stage.served, { recursive: true });
    await stage.server.open(stage.served);
    await stage.ferry('mount', stage.server.url, stage.drive, ...(options.flags ?? []));
    return stage;
  }

  /** Runs `ferry`, and returns what it printed. @throws Error when it fails or takes too long */
  ferry(...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [FERRY_MAIN, ...args], {
        env: this.#environment,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: COMMAND_MS,
        killSignal: 'SIGKILL',
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
      child.once('exit', (code, signal) => {
        if (code === 0) resolve(said);
        else reject(new Error(`ferry ${args.join(' ')} ended with ${code ?? signal}: ${said}`));
      });
    });
  }

  state(): Promise<ApiState> {
    return this.client.state(AbortSignal.timeout(5000));
  }

  async pair(): Promise<ApiPair> {
    const [pair] = (await this.state()).pairs;
    if (pair === undefined) throw new Error('the daemon has no drive');
    return pair;
  }

  /** Kills the daemon's worker, and returns how long the drive was away. @throws Error after 20 s */
  async kill(): Promise<number> {
    const { pid } = await this.state();
    const begunMs = performance.now();
    process.kill(pid, 'SIGKILL');
    while (!(await this.#isShownByAnother(pid))) {
      const ms = performance.now() - begunMs;
      if (ms > GONE_MS) throw new Error(`not mounted again ${Math.round(ms)} ms after the kill`);
      await sleep(5);
    }
    return performance.now() - begunMs;
  }

  /** Does what a guard has stopped, as a person would who knows what is going on. */
  async release(): Promise<void> {
    const { name, heldPlan } = await this.pair();
    // What it meets is met again by the next run.
    if (heldPlan) await this.client.run(name, 'sync', WITHOUT_GUARDS).catch(() => undefined);
  }

  /** Waits until nothing is left to do on either side. @throws Error with what is left */
  async quiet(): Promise<void> {
    const untilMs = Date.now() + QUIET_MS;
    let last = '';
    while (Date.now() < untilMs) {
      try {
        const { name } = await this.pair();
        const { problems } = await this.client.run(name, 'sync', WITHOUT_GUARDS);
        const pair = await this.pair();
        last = JSON.stringify({ problems, pair });
        if (problems.length === 0 && pair.pendingUploads === 0 && pair.inSync === 'in-sync') return;
      } catch (error) {
        last = String(error);
      }
      await sleep(300);
    }
    throw new Error(`it does not come to rest: ${last}`);
  }

  /**
   * Returns how the daemon ended other than by a kill, and what it said last, or what a sanitizer has found; that was
   * nobody's doing here.
   */
  async crashes(): Promise<readonly string[]> {
    const home = resolveHome({ FERRY_HOME: this.#home });
    const crashes = (readCrashNote(home)?.crashes ?? []).filter(({ how }) => how !== 'SIGKILL');
    const [said, logged] = await Promise.all(
      [`${home.logFile}.stderr`, home.logFile].map((path) =>
        readFile(path, 'utf8').catch(() => ''),
      ),
    );
    const report = said?.indexOf(SANITIZER) ?? -1;
    if (report >= 0) return [said?.slice(Math.max(0, report - 100), report + 4000) ?? ''];
    if (crashes.length === 0) return [];
    const ends = crashes.map(({ how, pid }) => `the daemon (pid ${pid}) ended by itself: ${how}`);
    return [`${ends.join('\n')}${lastLines(said ?? '')}${lastLines(logged ?? '')}`];
  }

  /** Returns an error that a campaign ended with, beside the daemon's crashes, which may be its cause. */
  async explained(error: unknown): Promise<Error> {
    await sleep(NOTED_MS);
    const why = await this.crashes().catch((failed: unknown) => [String(failed)]);
    return new Error([String(error), ...why].join('\n'), { cause: error });
  }

  /** With `keeps`, its files stay, to be looked at. */
  async close({ keeps = false } = {}): Promise<void> {
    await this.ferry('unmount', this.drive, '--lazy').catch(complain);
    await this.ferry('daemon', 'stop').catch(complain);
    await this.server.stop();
    if (keeps) process.stderr.write(`kept: ${this.directory}\n`);
    else await rm(this.directory, { recursive: true, force: true });
  }

  async #isShownByAnother(pid: number): Promise<boolean> {
    const state = await this.state().catch(() => null);
    const [pair] = state?.pairs ?? [];
    if (state === null || state.pid === pid || pair?.mountBackend === undefined) return false;
    const answer = stat(join(this.drive, '.')).then(
      () => true,
      () => false,
    );
    // A call that hangs is no answer.
    return Promise.race([answer, sleep(1000, false)]);
  }
}

function complain(error: unknown): void {
  process.stderr.write(`${String(error)}\n`);
}
