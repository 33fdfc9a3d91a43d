import { randomBytes } from 'node:crypto';
import { close, constants, fchmod, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import { FerryError } from '../../core/model/errors.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import { removeTree } from './remove-tree.ts';

/** Closes a descriptor. */
export const closeAsync = promisify(close);
const fchmodAsync = promisify(fchmod);
const writeAsync = promisify(write);
const writevAsync = promisify(writev);

/** Permission bits of a new file when nobody says otherwise. */
export const DEFAULT_MODE = 0o666 & ~process.umask();

/** Where the stage is, below the root. */
export const STAGE_FOLDER = '.ferry/stage';

/** A folder that is served and synced at once has one stage for both; each sweeps only its own files. */
const OWN_PREFIX = 'server-';

/** Bytes gathered before they are written; below this a file costs one system call. */
const GATHER_BYTES = 256 * 1024;

/**
 * Where content is complete before it gets its name. It lies in the served directory's own file system, so that
 * publishing is one rename; what a crash leaves here was never visible and is swept at the next start.
 */
export class Stage {
  readonly #root: SafeRoot;
  readonly #run = randomBytes(6).toString('hex');
  #count = 0;
  #isCancelled = false;

  private constructor(root: SafeRoot) {
    this.#root = root;
  }

  static async open(root: SafeRoot): Promise<Stage> {
    await makeFolder(root, '.ferry');
    await makeFolder(root, STAGE_FOLDER);
    for (const { name } of await root.list(STAGE_FOLDER))
      if (name?.startsWith(OWN_PREFIX)) await removeTree(root, `${STAGE_FOLDER}/${name}`);
    return new Stage(root);
  }

  /** Returns a path in the stage that nothing else uses. */
  freshPath(): string {
    return `${STAGE_FOLDER}/${OWN_PREFIX}${this.#run}-${(++this.#count).toString(36)}`;
  }

  /** Ends copies under way: the server is closing. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** @throws FerryError ABORTED after `cancel` */
  requireOpen(): void {
    if (this.#isCancelled) throw new FerryError('ABORTED', 'the server is closing');
  }

  /** Makes an empty staged file; the caller closes it by `seal` or `discard`. */
  async create(): Promise<StagedFile> {
    const path = this.freshPath();
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    return new StagedFile(this.#root, path, await this.#root.open(path, flags, 0o666));
  }
}

/** A file that is being filled in the stage. */
export class StagedFile {
  readonly path: string;
  readonly #root: SafeRoot;
  #fd: number | null;

  constructor(root: SafeRoot, path: string, fd: number) {
    this.#root = root;
    this.path = path;
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd === null) throw new Error('the staged file is closed already');
    return this.#fd;
  }

  /** Writes all of `body` and returns how many bytes it had. */
  async fill(body: AsyncIterable<Uint8Array>): Promise<number> {
    let total = 0;
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const chunk of body) {
        gathered.push(chunk);
        gatheredBytes += chunk.length;
        total += chunk.length;
        if (gatheredBytes < GATHER_BYTES) continue;
        // One write runs while the next chunks arrive; waiting for it here bounds the memory.
        await writing;
        writing = writeAll(this.fd, gathered);
        writing.catch(() => undefined); // it is awaited above or below
        gathered = [];
        gatheredBytes = 0;
      }
    } finally {
      await writing;
    }
    if (gatheredBytes > 0) await writeAll(this.fd, gathered);
    return total;
  }

  /** Sets permission bits and modification time where given. */
  async describe(mode: number | undefined, mtimeNs: bigint | undefined): Promise<void> {
    if (mode !== undefined) await fchmodAsync(this.fd, mode);
    if (mtimeNs !== undefined) await this.#root.setTimesOfDescriptor(this.fd, mtimeNs);
  }

  /** Closes the file; its name in the stage stays. */
  async seal(): Promise<void> {
    if (this.#fd === null) return;
    const fd = this.#fd;
    this.#fd = null;
    await closeAsync(fd);
  }

  /** Closes and removes the file, if it is still in the stage. */
  async discard(): Promise<void> {
    await this.seal();
    await this.#root.removeFile(this.path).catch(ignoreMissing);
  }
}

async function writeAll(fd: number, chunks: readonly Uint8Array[]): Promise<void> {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return writeBuffer(fd, only);
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await writevAsync(fd, rest.slice(0, 512));
    rest = withoutFirst(rest, bytesWritten);
  }
}

async function writeBuffer(fd: number, buffer: Uint8Array): Promise<void> {
  for (let at = 0; at < buffer.length; )
    at += (await writeAsync(fd, buffer, at, buffer.length - at, null)).bytesWritten;
}

function withoutFirst(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}

async function makeFolder(root: SafeRoot, path: string): Promise<void> {
  await root.makeDirectory(path, 0o700).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
  });
}

function ignoreMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
