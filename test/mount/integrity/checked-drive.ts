import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FreeReport } from '../../../fs-adapter/cache/free-space.ts';
import type { HostOptions } from '../../support/drive-host.ts';
import { MountedDrive } from '../../support/mounted-drive.ts';
import type { UploadedFile } from '../../support/uploads-in-step.ts';

/** Where the checker works: the bare disk, or a way to show a drive. */
export const BACKENDS = ['disk', 'fuse-native', 'native'] as const;
export type CheckedBackend = (typeof BACKENDS)[number];

/** What was done to a drive while it was checked, beside what the checker asked for. */
export interface Pressure {
  readonly uploaded: number;
  readonly freed: number;
}

/** A place to check, and what may be asked of it meanwhile. */
export interface CheckedPlace {
  readonly directory: string;
  /** Answers the checker's lines about its directory; null: nothing can be asked of a bare disk. */
  control(below: string): ((words: readonly string[]) => Promise<string>) | null;
  /** Uploads and frees all the time, whatever the checker does, until it is told to stop. */
  pressure(everyMs: number): () => Promise<Pressure>;
  /** How the process that shows it ended although nobody had asked it to; null: it did not. */
  readonly ended: string | null;
  close(): Promise<void>;
}

/** Makes a directory on the bare disk, or mounts a drive in a process of its own. */
export async function openPlace(backend: CheckedBackend): Promise<CheckedPlace> {
  if (backend !== 'disk') return DriveToCheck.open(backend);
  return givenPlace(tmpdir());
}

/** Makes a directory in one that is there, of which nothing is known; it is removed again. */
export async function givenPlace(parent: string): Promise<CheckedPlace> {
  const directory = await mkdtemp(join(parent, 'ferry-check-'));
  return {
    directory,
    control: () => null,
    pressure: () => async () => ({ uploaded: 0, freed: 0 }),
    ended: null,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

class DriveToCheck implements CheckedPlace {
  readonly #drive: MountedDrive;
  readonly #options: Partial<HostOptions>;
  #isSlow = false;
  /** The last of what must not happen at the same time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(drive: MountedDrive, options: Partial<HostOptions>) {
    this.#drive = drive;
    this.#options = options;
  }

  static async open(backend: 'fuse-native' | 'native'): Promise<DriveToCheck> {
    const remote = await mkdtemp(join(tmpdir(), 'ferry-check-remote-'));
    const options: Partial<HostOptions> = { backend, remoteDirectory: remote, impatient: true };
    return new DriveToCheck(await MountedDrive.start(options), options);
  }

  get directory(): string {
    return this.#drive.mountPoint;
  }

  get ended(): string | null {
    return this.#drive.ended;
  }

  control(below: string): (words: readonly string[]) => Promise<string> {
    return (words) => this.#answer(below, words);
  }

  pressure(everyMs: number): () => Promise<Pressure> {
    let isRunning = true;
    const work = (async () => {
      let uploaded = 0;
      let freed = 0;
      while (isRunning) {
        await this.#inTurn(async () => {
          uploaded += (await this.#drive.do<readonly unknown[]>({ do: 'upload-changed' })).length;
          const { freedFiles } = await this.#drive.do<FreeReport>({ do: 'free', path: '' });
          freed += freedFiles;
        });
        await delay(everyMs);
      }
      return { uploaded, freed };
    })();
    // Who asks for the result is told; until then the checker itself notices what is wrong.
    work.catch(() => undefined);
    return () => {
      isRunning = false;
      return work;
    };
  }

  async close(): Promise<void> {
    const { remoteDirectory } = this.#options;
    try {
      await this.#drive.dispose();
    } finally {
      if (remoteDirectory !== undefined)
        await rm(remoteDirectory, { recursive: true, force: true });
    }
  }

  async #answer(below: string, words: readonly string[]): Promise<string> {
    const [order, argument = ''] = words;
    const path = `${below}/${argument}`;
    switch (order) {
      case 'free':
        return this.#free(path);
      case 'upload':
        return this.#upload(below);
      case 'replace':
        return this.#replace(path, Number(words[2]), Number(words[3]));
      case 'network':
        this.#isSlow = argument === 'slow';
        await this.#drive.do({ do: 'network', state: this.#isSlow ? 'slow' : 'online' });
        return 'ok';
      case 'restart':
        return this.#inTurn(() => this.#reopenAfter(this.#drive.stop()));
      case 'kill':
        return this.#inTurn(() => this.#reopenAfter(this.#drive.kill()));
      default:
        throw new Error(`the checker asks for ${words.join(' ')}`);
    }
  }

  async #free(path: string): Promise<string> {
    const { freedFiles, kept } = await this.#drive.do<FreeReport>({ do: 'free', path });
    if (freedFiles > 0) return 'ok';
    return `busy ${kept[0]?.reason ?? 'nothing here'}`;
  }

  async #upload(below: string): Promise<string> {
    const uploaded = await this.#drive.do<readonly UploadedFile[]>({ do: 'upload-changed' });
    const words = uploaded
      .filter(({ path }) => path.startsWith(`${below}/`))
      .map(({ path, sizeBytes, crc32 }) =>
        [path.slice(below.length + 1), sizeBytes, crc32.toString(16)].join('\t'),
      );
    return ['ok', ...words].join('\t');
  }

  async #replace(path: string, seed: number, sizeBytes: number): Promise<string> {
    const files = [{ path, seed, sizeBytes }];
    const refused = await this.#drive.do<Record<string, string>>({ do: 'arrive-generated', files });
    const code = refused[path];
    if (code === undefined) return 'ok';
    if (code === 'LOCAL_BUSY' || code === 'CHANGED') return `busy ${code}`;
    return `failed: ${code}`;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #reopenAfter(end: Promise<void>): Promise<string> {
    await end;
    await this.#drive.open(this.#options);
    await this.#drive.do({ do: 'mount' });
    if (this.#isSlow) await this.#drive.do({ do: 'network', state: 'slow' });
    return 'ok';
  }
}
