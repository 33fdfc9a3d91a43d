import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './client.ts';
import { type FileSystem, mountDisk, unmountDisk } from './disks.ts';
import { command } from './native-programs.ts';
import { DISKS, type Disk } from './write-log.ts';

export interface RecordedDisksOptions {
  /** The compiled program. */
  readonly program: string;
  /** Empty; what the disks are shown as is in it. */
  readonly directory: string;
  readonly log: string;
  /** What the disks hold at first, and at last. */
  readonly images: Readonly<Record<Disk, string>>;
  readonly place: Place;
  readonly fileSystem: FileSystem;
}

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** The client's and the server's disk, mounted at a place, with a log of all that is written to them. */
export class RecordedDisks {
  readonly #options: RecordedDisksOptions;
  readonly #child: ChildProcess;
  readonly #loops = new Map<Disk, string>();

  private constructor(options: RecordedDisksOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
  }

  static async start(options: RecordedDisksOptions): Promise<RecordedDisks> {
    const { program, directory, log, images, place, fileSystem } = options;
    await mkdir(directory, { recursive: true });
    const child = spawn(program, [log, images.client, images.server, directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const disks = new RecordedDisks(options, child);
    await disks.#waitForFiles();
    for (const disk of DISKS) {
      const loop = await command('losetup', '-f', '--show', join(directory, disk));
      disks.#loops.set(disk, loop);
      await mountDisk(loop, place[disk], fileSystem);
    }
    return disks;
  }

  async #waitForFiles(): Promise<void> {
    const file = join(this.#options.directory, DISKS[0]);
    for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
      const isThere = await access(file).then(
        () => true,
        () => false,
      );
      if (isThere) return;
      if (this.#child.exitCode !== null) break;
      await sleep(POLL_MS);
    }
    throw new Error('the recorded disk could not be shown: is /dev/fuse there?');
  }

  /** Writes into the log what has happened by now. */
  async mark(text: string): Promise<void> {
    await writeFile(join(this.#options.directory, 'mark'), text);
  }

  /** Returns how long the log is by now. */
  async logBytes(): Promise<number> {
    return (await stat(this.#options.log)).size;
  }

  /** Unmounts the disks and ends the recording. */
  async close(): Promise<void> {
    const { place, directory } = this.#options;
    for (const [disk, loop] of this.#loops) {
      await unmountDisk(place[disk]);
      await command('losetup', '-d', loop);
    }
    const ended = once(this.#child, 'exit');
    await command('fusermount3', '-u', directory);
    await ended;
  }
}
