import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Direction } from '../../core/model/entry.ts';
import {
  joinSides,
  makeRoots,
  type Place,
  placeAt,
  runWatched,
  type WatchedRun,
} from './client.ts';
import { copyDisk, makeDisk, mountDisk, noDisksReason, unmountDisk } from './disks.ts';
import {
  bothSides,
  type Expectation,
  type ExpectedWork,
  expectationAfter,
  recoverAndCheck,
} from './oracle.ts';
import {
  type CallCounts,
  type ClientCommand,
  countCalls,
  formatPoint,
  type KillPoint,
  type Moment,
  momentOfRecovery,
  seededRandom,
} from './points.ts';
import { ServerProcess } from './server-process.ts';
import { edit, writeBase } from './workload.ts';

export interface BenchOptions {
  /** The bench's own, empty. */
  readonly directory: string;
  readonly shim: string;
  readonly threads: number;
}

const TRACE = 'trace';

/** A run that is killed, and what happens to the run that recovers from it. */
export interface KillTrial extends KillPoint {
  /** With it, the next run is killed, too: at a moment that is chosen by what the one before it got done. */
  readonly againSeed?: number;
}

/** What one kill point came to. */
export interface KillResult {
  readonly point: string;
  /** How many of its moments the runs came by. */
  readonly reached: number;
  readonly wrong: readonly string[];
  readonly durationMs: number;
}

/** How a work goes when nothing disturbs it. */
export interface Undisturbed {
  readonly expectation: Expectation;
  readonly counts: CallCounts;
}

/** Lays out the work before the run: both sides in step, then edited by their users. */
export async function layOut(
  place: Place,
  server: ServerProcess,
  direction: Direction,
): Promise<void> {
  await makeRoots(place);
  await writeBase(direction === 'remote-to-local' ? place.remote : place.local);
  await server.open(place.remote);
  await joinSides(place, server.url, direction);
  await server.close();
  await edit('local', place.local);
  await edit('remote', place.remote);
}

/**
 * A place where one trial after the other is made, each from the same start. The start is a disk image, because the
 * records know files by their inodes and a copied file has another one; where no image can be mounted, everything is
 * done anew each time.
 */
export class Bench {
  readonly place: Place;
  readonly #options: BenchOptions;
  readonly #server = new ServerProcess();
  readonly #hasDisks = noDisksReason() === null;
  readonly #starts = new Map<Direction, string>();
  readonly #undisturbed = new Map<string, Undisturbed>();
  #isMounted = false;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.place = placeAt(join(options.directory, 'place'));
  }

  async #begin(direction: Direction): Promise<void> {
    await this.#leave();
    const { path } = this.place;
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    if (!this.#hasDisks) await layOut(this.place, this.#server, direction);
    else {
      const image = join(this.#options.directory, 'now.img');
      await copyDisk(await this.#startOf(direction), image);
      await this.#mount(image);
    }
    await this.#server.open(this.place.remote);
  }

  async #startOf(direction: Direction): Promise<string> {
    const known = this.#starts.get(direction);
    if (known !== undefined) return known;
    const image = join(this.#options.directory, `${direction}.img`);
    await makeDisk(image, 'ext4');
    await this.#mount(image);
    await layOut(this.place, this.#server, direction);
    await this.#unmount();
    this.#starts.set(direction, image);
    return image;
  }

  async #mount(image: string): Promise<void> {
    await mountDisk(image, this.place.path, 'ext4');
    this.#isMounted = true;
  }

  async #unmount(): Promise<void> {
    if (this.#isMounted) await unmountDisk(this.place.path);
    this.#isMounted = false;
  }

  async #leave(): Promise<void> {
    await this.#server.close();
    await this.#unmount();
  }

  #run(command: ClientCommand, moment: Moment | null): Promise<WatchedRun> {
    const { directory, shim, threads } = this.#options;
    const traceFile = join(directory, TRACE);
    return runWatched(this.place, { shim, threads, command, moment, traceFile });
  }

  /** Does the work undisturbed, and returns what is to be expected of every other way there. */
  async undisturbed({ direction, command }: ExpectedWork): Promise<Undisturbed> {
    const key = `${direction}/${command}`;
    const known = this.#undisturbed.get(key);
    if (known !== undefined) return known;
    await this.#begin(direction);
    const start = await bothSides(this.place);
    const { trace, code, stderr } = await this.#run(command, null);
    if (code !== 0 && code !== 11)
      throw new Error(`an undisturbed run ended with ${code}: ${stderr}`);
    const expectation = await expectationAfter(this.place, { direction, command }, start);
    const wrong = await recoverAndCheck(this.place, expectation);
    if (wrong.length > 0) throw new Error(`undisturbed, and yet: ${wrong.join('\n')}`);
    const undisturbed = { expectation, counts: countCalls(trace) };
    this.#undisturbed.set(key, undisturbed);
    return undisturbed;
  }

  /**
   * Kills the client at the trial's moments, run after run, and checks what comes of it in the end. What went wrong is
   * copied to `keepIn`, with the trace of the last killed run.
   */
  async kill(trial: KillTrial, keepIn: string | null = null): Promise<KillResult> {
    const { direction, command, againSeed } = trial;
    const { expectation, counts } = await this.undisturbed(trial);
    const startedAt = performance.now();
    await this.#begin(direction);
    const moments = [...trial.moments];
    const total = moments.length + (againSeed === undefined ? 0 : 1);
    let reached = 0;
    for (let index = 0; index < total; index++) {
      const { code, trace } = await this.#run(command, moments[index] ?? null);
      if (code === null) reached++;
      if (againSeed !== undefined && moments.length < total)
        moments.push(momentOfRecovery(counts, countCalls(trace), seededRandom(againSeed)));
    }
    const wrong = await recoverAndCheck(this.place, expectation);
    const durationMs = Math.round(performance.now() - startedAt);
    const point = formatPoint({ direction, command, moments });
    if (keepIn !== null && wrong.length > 0)
      await this.#keepTrial(join(keepIn, point.replaceAll(/[:/]/g, '-')));
    return { point, reached, wrong, durationMs };
  }

  async #keepTrial(directory: string): Promise<void> {
    await cp(this.place.path, join(directory, 'place'), { recursive: true });
    await cp(join(this.#options.directory, TRACE), join(directory, TRACE));
  }

  /** Ends everything and removes the bench's directory. */
  async close(): Promise<void> {
    await this.#server.close().catch(() => undefined); // it may have been what failed
    await this.#server.stop();
    await this.#unmount();
    await rm(this.#options.directory, { recursive: true, force: true });
  }
}
