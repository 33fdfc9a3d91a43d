import { randomBytes } from 'node:crypto';
import { close, constants, fchmod, writev } from 'node:fs';
import { promisify } from 'node:util';
import { FerryError } from '../../core/model/errors.ts';
import type { ContentHasher, FileRange } from '../../native/content.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import { removeTree } from './remove-tree.ts';

/** Closes a descriptor. */
export const closeAsync = promisify(close);
const fchmodAsync = promisify(fchmod);
const writevAsync = promisify(writev);

/** Permission bits of a new file when nobody says otherwise. */
export const DEFAULT_MODE = 0o666 & ~process.umask();

/** Where the stage is, below the root. */
export const STAGE_FOLDER = '.ferry/stage';

/** A folder that is served and synced at once has one stage for both; each sweeps only its own files. */
const OWN_PREFIX = 'server-';

/** Bytes gathered before they are written; below this a file costs one system call. */
const GATHER_BYTES = 256 * 1024;
/** A call of writev takes at most 1024. */
const MAX_PIECES = 512;
/** So much is handed to the disk at once. */
const WRITEBACK_BYTES = 8 * 1024 * 1024;

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
  #path: string;
  readonly #root: SafeRoot;
  #fd: number | null;
  #position: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Everything before this is on its way to the disk. */
  #handedOver: number;
  #handing: Promise<void> = Promise.resolve();

  /** `position`: what an earlier attempt left is kept, and gone on with. */
  constructor(root: SafeRoot, path: string, fd: number, position = 0) {
    this.#root = root;
    this.#path = path;
    this.#fd = fd;
    this.#position = position;
    this.#handedOver = position;
  }

  get path(): string {
    return this.#path;
  }

  /** Takes note that the file has another name in the stage now. */
  renamed(path: string): this {
    this.#path = path;
    return this;
  }

  get fd(): number {
    if (this.#fd === null) throw new Error('the staged file is closed already');
    return this.#fd;
  }

  /** Where the next bytes go. */
  get position(): number {
    return this.#position;
  }

  /** Writes all of `body` and returns how many bytes it had; what came of one that broke off is written too. */
  async fill(body: AsyncIterable<Uint8Array>): Promise<number> {
    const start = this.#position;
    try {
      for await (const chunk of body) {
        const writing = this.append(chunk);
        if (writing !== undefined) await writing;
      }
    } finally {
      await this.flush();
    }
    return this.#position - start;
  }

  /**
   * Adds bytes, which must stay as they are until `flush`. Returns a promise when the caller must wait before it adds
   * more: one write runs while the next bytes arrive, and that bounds the memory.
   */
  append(chunk: Uint8Array): Promise<void> | undefined {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    this.#position += chunk.length;
    return this.#gatheredBytes < GATHER_BYTES ? undefined : this.#write();
  }

  /** Resolves when everything added so far is written. */
  async flush(): Promise<void> {
    if (this.#gatheredBytes > 0) await this.#write();
    await this.#writing;
    this.#startWriteback();
  }

  /** Adds bytes of another open file; returns how many there were. */
  async copy(source: FileRange, length: number, hasher?: ContentHasher): Promise<number> {
    await this.flush();
    const target = { fd: this.fd, offset: this.#position };
    const copied = await this.#root.copyRange(source, target, length, hasher);
    this.#position += copied;
    this.#startWriteback();
    return copied;
  }

  async #write(): Promise<void> {
    const chunks = this.#gathered;
    const start = this.#position - this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#writing;
    this.#startWriteback();
    this.#writing = writeAll(this.fd, chunks, start);
    this.#writing.catch(() => undefined); // it is awaited before the next write, or by `flush`
  }

  /** The disk begins while the rest arrives: then the sync at the end has little left to do. */
  #startWriteback(): void {
    const end = this.#position - this.#gatheredBytes;
    if (end - this.#handedOver < WRITEBACK_BYTES) return;
    const range = { fd: this.fd, offset: this.#handedOver };
    const length = end - this.#handedOver;
    this.#handedOver = end;
    this.#handing = this.#handing.then(() => this.#root.startWriteback(range, length));
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
    // A number that was closed too early may already mean another file.
    await Promise.allSettled([this.#writing, this.#handing]);
    await closeAsync(fd);
  }

  /** Closes and removes the file, if it is still in the stage. */
  async discard(): Promise<void> {
    await this.seal();
    await this.#root.removeFile(this.path).catch(ignoreMissing);
  }
}

async function writeAll(fd: number, chunks: readonly Uint8Array[], start: number): Promise<void> {
  let rest = chunks;
  for (let at = start; rest.length > 0; ) {
    const { bytesWritten } = await writevAsync(fd, rest.slice(0, MAX_PIECES), at);
    rest = withoutFirst(rest, bytesWritten);
    at += bytesWritten;
  }
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
