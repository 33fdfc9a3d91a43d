import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction } from '../../core/model/entry.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import { layOut } from './bench.ts';
import { type Place, pairRecords, placeAt, runWatched } from './client.ts';
import {
  complaintOf,
  copyDisk,
  type FileSystem,
  makeDisk,
  mountDisk,
  unmountDisk,
} from './disks.ts';
import { command } from './native-programs.ts';
import { bothSides, type Expectation, expectationAfter, recoverAndCheck } from './oracle.ts';
import { linesOf, unlike } from './picture.ts';
import { seededRandom } from './points.ts';
import { type RecordedFile, readRecordedFiles } from './read-records.ts';
import { RecordedDisks } from './recorded-disks.ts';
import { ServerProcess } from './server-process.ts';
import { type Cut, cutOf, DISKS, type Disk, WriteLog } from './write-log.ts';

export interface PowerBenchOptions {
  /** The bench's own, empty. */
  readonly directory: string;
  readonly shim: string;
  readonly recordedDisk: string;
}

/** One run on recorded disks: what they held before, and all that was written to them. */
export interface RecordingId {
  readonly fileSystem: FileSystem;
  readonly direction: Direction;
}

/** One way in which the power can go. */
export interface ImageTrial {
  readonly seed: number;
  /** Let the file system's checker look at it, too. */
  readonly isChecked: boolean;
}

/** What one crash image came to. */
export interface ImageResult {
  readonly image: string;
  readonly cut: Cut;
  readonly wrong: readonly string[];
  readonly durationMs: number;
}

/** How long a recording is. */
export interface RecordingSize {
  readonly entries: number;
  readonly writes: number;
  readonly flushes: number;
}

/** Where and under which address a recording was made: the client's configuration says so. */
interface Origin {
  readonly path: string;
  readonly url: string;
}

/** What the records say of files, by path and hash. */
type RecordedFiles = ReadonlyMap<string, RecordedFile>;

interface Recording extends RecordingId {
  readonly origin: Origin;
  readonly log: WriteLog;
  readonly expectation: Expectation;
  /** What the records said before the run. */
  readonly recorded: RecordedFiles;
}

const DONE = 'done';
const SETTLED = 'settled';
const LOG = 'log';
const ORIGIN_FILE = 'recording.json';
const RECORDING_FILES = [LOG, ...DISKS.map((disk) => `${disk}.start.img`)];
/** Longer than the file systems leave names unwritten. */
const SETTLE_MS = 1500;

/** Records runs on disks whose every write is logged, and tries what is left when the power goes in between. */
export class PowerBench {
  readonly #options: PowerBenchOptions;
  readonly #place: Place;
  readonly #server = new ServerProcess();
  readonly #mounted = new Set<Disk>();
  #recording: Recording | null = null;

  constructor(options: PowerBenchOptions) {
    this.#options = options;
    this.#place = placeAt(join(options.directory, 'place'));
  }

  #image(disk: Disk, name: 'start' | 'run' | 'now'): string {
    return join(this.#options.directory, `${disk}.${name}.img`);
  }

  async #mount(name: 'start' | 'now', fileSystem: FileSystem): Promise<void> {
    for (const disk of DISKS) {
      await mkdir(this.#place[disk], { recursive: true });
      await mountDisk(this.#image(disk, name), this.#place[disk], fileSystem);
      this.#mounted.add(disk);
    }
  }

  async #leave(): Promise<void> {
    await this.#server.close();
    for (const disk of this.#mounted) await unmountDisk(this.#place[disk]);
    this.#mounted.clear();
  }

  /** Records one undisturbed run of the client. */
  async record({ fileSystem, direction }: RecordingId): Promise<RecordingSize> {
    for (const disk of DISKS) await makeDisk(this.#image(disk, 'start'), fileSystem);
    await this.#mount('start', fileSystem);
    await layOut(this.#place, this.#server, direction);
    await this.#leave();
    const log = await this.#recordRun(fileSystem);
    return this.#use({ fileSystem, direction }, log, {
      path: this.#place.path,
      url: this.#server.url,
    });
  }

  /** Takes up a recording that was kept. */
  async reopen(directory: string): Promise<RecordingSize> {
    for (const name of RECORDING_FILES)
      await copyDisk(join(directory, name), join(this.#options.directory, name));
    const text = await readFile(join(directory, ORIGIN_FILE), 'utf8');
    const { fileSystem, direction, ...origin } = JSON.parse(text) as RecordingId & Origin;
    const log = await WriteLog.read(join(this.#options.directory, LOG), Number.POSITIVE_INFINITY);
    return this.#use({ fileSystem, direction }, log, origin);
  }

  async #use(id: RecordingId, log: WriteLog, origin: Origin): Promise<RecordingSize> {
    const whole: Cut = { at: log.length, victims: [], inTheAir: 'all' };
    await this.#compose(log, whole, () => 0);
    const end = await this.#wholeRun(id, origin);
    this.#recording = { ...id, log, origin, ...end };
    return { entries: log.length, writes: log.count('written'), flushes: log.count('flushed') };
  }

  async #recordRun(fileSystem: FileSystem): Promise<WriteLog> {
    const { directory, recordedDisk, shim } = this.#options;
    const log = join(directory, LOG);
    await rm(log, { force: true });
    for (const disk of DISKS) await copyDisk(this.#image(disk, 'start'), this.#image(disk, 'run'));
    const disks = await RecordedDisks.start({
      program: recordedDisk,
      directory: join(directory, 'disks'),
      log,
      images: { client: this.#image('client', 'run'), server: this.#image('server', 'run') },
      place: this.#place,
      fileSystem,
    });
    try {
      await this.#server.open(this.#place.remote);
      const traceFile = join(directory, 'trace');
      const watched = { shim, traceFile, moment: null, command: 'sync' as const, threads: 4 };
      const { code, stderr } = await runWatched(this.#place, watched);
      if (code !== 0 && code !== 11)
        throw new Error(`the recorded run ended with ${code}: ${stderr}`);
      await disks.mark(DONE);
      await sleep(SETTLE_MS);
      await disks.mark(SETTLED);
      // The whole log leads to what the run has come to, whether the run has seen to that or not.
      for (const disk of DISKS) await command('sync', '-f', this.#place[disk]);
      return await WriteLog.read(log, await disks.logBytes());
    } finally {
      await this.#server.close();
      await disks.close();
    }
  }

  async #wholeRun(
    { fileSystem, direction }: RecordingId,
    origin: Origin,
  ): Promise<Pick<Recording, 'expectation' | 'recorded'>> {
    await this.#mount('start', fileSystem);
    const start = await bothSides(this.#place);
    const recorded = (await this.#recorded()) ?? new Map();
    await this.#leave();
    await this.#mount('now', fileSystem);
    const expectation = await expectationAfter(this.#place, { direction, command: 'sync' }, start);
    const wrong = await this.#recover(expectation, origin);
    await this.#leave();
    if (wrong.length > 0)
      throw new Error(`with all that was written, and yet: ${wrong.join('\n')}`);
    return { expectation, recorded };
  }

  /** Lets the client go on in this place, wherever the recording was made. */
  async #recover(expectation: Expectation, origin: Origin): Promise<readonly string[]> {
    await this.#server.open(this.#place.remote);
    const here = { path: this.#place.path, url: this.#server.url };
    if (here.path !== origin.path || here.url !== origin.url) {
      const file = join(this.#place.home, 'config.json');
      const text = await readFile(file, 'utf8');
      const moved = text.replaceAll(origin.path, here.path).replaceAll(origin.url, here.url);
      await writeFile(file, moved);
    }
    return recoverAndCheck(this.#place, expectation);
  }

  async #compose(log: WriteLog, cut: Cut, random: () => number): Promise<void> {
    for (const disk of DISKS) {
      await copyDisk(this.#image(disk, 'start'), this.#image(disk, 'now'));
      await log.apply(this.#image(disk, 'now'), disk, cut, random);
    }
  }

  /** Lets the power go at a moment of the recorded run, and checks what is there, and what comes of it. */
  async tryImage({ seed, isChecked }: ImageTrial, keepIn: string | null): Promise<ImageResult> {
    if (this.#recording === null) throw new Error('nothing is recorded yet');
    const { fileSystem, direction, log, expectation, recorded, origin } = this.#recording;
    const startedAt = performance.now();
    const random = seededRandom(seed);
    const cut = cutOf(log.placeOf(SETTLED), random);
    await this.#compose(log, cut, random);
    await this.#mount('now', fileSystem);
    const wrong: string[] = [];
    if (isChecked) {
      await this.#leave();
      wrong.push(...(await this.#complaints(fileSystem)));
      await this.#mount('now', fileSystem);
    }
    if (cut.at > log.placeOf(DONE)) wrong.push(...(await this.#brokenPromises(expectation)));
    const ahead = await this.#recordsAhead(recorded);
    wrong.push(...ahead.map((line) => `the records are ahead of the files: ${line}`));
    wrong.push(...(await this.#recover(expectation, origin)));
    await this.#leave();
    const image = `${fileSystem}:${direction}:${seed}`;
    if (keepIn !== null && wrong.length > 0)
      await this.#keep(join(keepIn, `${fileSystem}-${direction}`), this.#recording);
    return { image, cut, wrong, durationMs: Math.round(performance.now() - startedAt) };
  }

  async #complaints(fileSystem: FileSystem): Promise<readonly string[]> {
    const complaints = await Promise.all(
      DISKS.map((disk) => complaintOf(this.#image(disk, 'now'), fileSystem)),
    );
    return complaints.flatMap((text) =>
      text === null ? [] : [`the file system is broken: ${text}`],
    );
  }

  /** What the client has said to be done is done. */
  async #brokenPromises({ end }: Expectation): Promise<readonly string[]> {
    const now = await bothSides(this.#place);
    return (['local', 'remote'] as const).flatMap((side) =>
      unlike(linesOf(now[side]), linesOf(end[side])).map(
        (line) => `${side} is not as the client has said when it ended: ${line}`,
      ),
    );
  }

  /** Returns every recorded file, as a line; null when the records cannot be read. */
  async #recorded(): Promise<RecordedFiles | null> {
    const copy = await mkdtemp(join(this.#options.directory, 'records-'));
    try {
      await cp(pairRecords(this.#place), copy, { recursive: true });
      const files = await readRecordedFiles(copy);
      return new Map(files.map((file) => [`${file.path} ${file.hash}`, file]));
    } catch {
      return null;
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }

  /** Returns what the run has recorded of local files that are not there like that. */
  async #recordsAhead(before: RecordedFiles): Promise<readonly string[]> {
    const recorded = await this.#recorded();
    if (recorded === null) return ['they cannot be read'];
    const hashes = new Set([...before.values()].map(({ hash }) => hash));
    const ahead: string[] = [];
    for (const [line, { path, hash }] of recorded) {
      if (before.has(line)) continue;
      const content = await readFile(join(this.#place.local, path)).catch(() => null);
      // What has only moved is recorded with its old content, and may have a newer one by now.
      const isThere = content !== null && (hashes.has(hash) || hashOf(content) === hash);
      if (!isThere) ahead.push(line);
    }
    return ahead;
  }

  async #keep(directory: string, { fileSystem, direction, origin }: Recording): Promise<void> {
    await mkdir(directory, { recursive: true });
    for (const name of RECORDING_FILES)
      await copyDisk(join(this.#options.directory, name), join(directory, name));
    const text = JSON.stringify({ fileSystem, direction, ...origin });
    await writeFile(join(directory, ORIGIN_FILE), text);
  }

  /** Ends everything and removes the bench's directory. */
  async close(): Promise<void> {
    await this.#leave().catch(() => undefined); // it may have been what failed
    await this.#server.stop();
    await rm(this.#options.directory, { recursive: true, force: true });
  }
}
