import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { Clock } from '../../core/ports.ts';
import type { NodeStat, SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import { type Stage, StagedFile } from './stage.ts';

/** Where parts of uploads wait for the rest, below the root. */
const UPLOADS = '.ferry/uploads';
const MAX_AGE_MS = 7 * 86_400_000;
const MAX_OF_ONE_USER = 100;
const SWEEP_EVERY_MS = 3_600_000;
const GRACE_MS = 300;
/** Of a name: those of one user begin with the same digits. */
const USER_DIGITS = 16;
const NAME = /^[0-9a-f]{56}$/;

/** What tells one upload from all others. */
export interface UploadKey {
  readonly user: string;
  /** In the whole tree. */
  readonly path: string;
  readonly id: string;
}

/** An upload that a request has for itself. */
export interface HeldUpload {
  /** Bytes that are kept. */
  readonly sizeBytes: number;
  /** It was begun since the server started: then what was kept is what was written. */
  readonly isOfThisRun: boolean;
  /** Opens what is kept, to be gone on with; makes it when there is nothing yet. */
  open(): Promise<StagedFile>;
  /** Moves what is kept into the stage, complete, under the name returned; the upload is over. */
  complete(file: StagedFile): Promise<StagedFile>;
  drop(): Promise<void>;
  /** Lets the next request have it. */
  release(): void;
}

interface Holder {
  /** Ends the request that has the upload. */
  readonly cut: () => void;
  readonly released: Promise<void>;
}

/**
 * What is kept of uploads that were not complete. A file's name is made of who sends it, where to, and the client's name
 * for it, so nobody else's can be reached; its size is how far it came, its time when somebody went on with it last.
 */
export class Uploads {
  readonly #root: SafeRoot;
  readonly #stage: Stage;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #holders = new Map<string, Holder>();
  readonly #begun = new Set<string>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  private constructor(root: SafeRoot, stage: Stage, clock: Pick<Clock, 'now'>) {
    this.#root = root;
    this.#stage = stage;
    this.#clock = clock;
  }

  static async open(root: SafeRoot, stage: Stage, clock: Pick<Clock, 'now'>): Promise<Uploads> {
    await root.makeDirectory(UPLOADS, 0o700).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    return new Uploads(root, stage, clock);
  }

  /** Returns how many bytes are kept of an upload; null: nothing is. A request that still adds to it is cut. */
  async sizeOf(key: UploadKey): Promise<number | null> {
    const name = nameOf(key);
    const holder = this.#holders.get(name);
    if (holder) await endOf(holder);
    return (await this.#kept(name))?.sizeBytes ?? null;
  }

  /**
   * Takes an upload for a request; another one that has it is cut, as the client has begun anew. `cut` ends this one,
   * and must be followed by its `release`.
   */
  async hold(key: UploadKey, cut: () => void): Promise<HeldUpload> {
    const name = nameOf(key);
    const path = `${UPLOADS}/${name}`;
    // No await between the last look and the entry: two requests must not both find it free.
    for (let holder = this.#holders.get(name); holder; holder = this.#holders.get(name))
      await endOf(holder);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holder = { cut, released };
    this.#holders.set(name, holder);
    const sizeBytes = (await this.#kept(name))?.sizeBytes ?? 0;
    return {
      sizeBytes,
      isOfThisRun: sizeBytes === 0 || this.#begun.has(name),
      open: async () => {
        if (sizeBytes === 0) {
          await this.#makeRoom(name);
          this.#begun.add(name);
        }
        const fd = await this.#root.open(path, constants.O_RDWR | constants.O_CREAT, 0o666);
        return new StagedFile(this.#root, path, fd, sizeBytes);
      },
      complete: async (file) => {
        const staged = this.#stage.freshPath();
        await this.#root.rename(path, staged, 'no-replace');
        this.#begun.delete(name);
        return file.renamed(staged);
      },
      drop: async () => {
        this.#begun.delete(name);
        await this.#remove(name);
      },
      release: () => {
        if (this.#holders.get(name) === holder) this.#holders.delete(name);
        release();
      },
    };
  }

  /** Forgets an upload; false when nothing was kept. */
  async drop(key: UploadKey): Promise<boolean> {
    const name = nameOf(key);
    const holder = this.#holders.get(name);
    if (holder) await endOf(holder);
    this.#begun.delete(name);
    return this.#remove(name);
  }

  async #kept(name: string): Promise<NodeStat | null> {
    const stat = await this.#root.stat(`${UPLOADS}/${name}`);
    return stat?.kind === 'file' ? stat : null;
  }

  async #remove(name: string): Promise<boolean> {
    try {
      await this.#root.removeFile(`${UPLOADS}/${name}`);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Drops what is too old, now and then, and the oldest of a user who has too many. */
  async #makeRoom(name: string): Promise<void> {
    const now = this.#clock.now();
    const items = (await this.#root.list(UPLOADS)).flatMap(({ name: other, stat }) =>
      other !== null && NAME.test(other) && stat !== null && !this.#holders.has(other)
        ? [{ name: other, mtimeMs: Number(stat.mtimeNs / 1_000_000n) }]
        : [],
    );
    const isSweepDue = now - this.#sweptMs > SWEEP_EVERY_MS;
    if (isSweepDue) this.#sweptMs = now;
    const old = isSweepDue ? items.filter(({ mtimeMs }) => now - mtimeMs > MAX_AGE_MS) : [];
    const own = items.filter((item) => item.name.startsWith(name.slice(0, USER_DIGITS)));
    own.sort((one, other) => other.mtimeMs - one.mtimeMs);
    for (const item of [...old, ...own.slice(MAX_OF_ONE_USER - 1)]) {
      this.#begun.delete(item.name);
      await this.#remove(item.name);
    }
  }
}

/**
 * Ends the request that has an upload, and resolves when it has let go. One whose client has gone still reads what came
 * before: a moment for that spares sending it again.
 */
async function endOf({ cut, released }: Holder): Promise<void> {
  const timer = setTimeout(cut, GRACE_MS);
  await released;
  clearTimeout(timer);
}

function nameOf({ user, path, id }: UploadKey): string {
  return `${digest(user).slice(0, USER_DIGITS)}${digest(`${user}\0${path}\0${id}`).slice(0, 40)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
