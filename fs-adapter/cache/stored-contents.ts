import { dirname, relative } from 'node:path';
import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import { chunkAverageFor } from '../../core/model/chunk-average.ts';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { GROUP_FILE_BYTES, type HashRequest, type ReadResult } from '../../core/ports.ts';
import { hashesOf } from '../../core/transfer/verified-stream.ts';
import {
  codeOf,
  type Failure,
  type NodeStat,
  openSafeRoot,
  type SafeRoot,
  type SmallFile,
} from '../../native/index.ts';
import type { DriveFile, DriveTree } from './drive-tree.ts';

export interface StoredContentsOptions {
  readonly tree: Pick<DriveTree, 'entry' | 'backingPath' | 'noteHash'>;
  /** Returns the file of that version. @throws CHANGED when it is not at the path any more */
  readonly expectFile: (path: SyncPath, expected: Version) => DriveFile;
  /** Brings the content of a file here. */
  readonly fill: (file: DriveFile, signal: AbortSignal | undefined) => Promise<void>;
}

interface Options {
  readonly signal?: AbortSignal;
  readonly onBytes?: (count: number) => void;
}

/** A file whose content is here, in a backing file of that name. */
interface Stored {
  readonly path: SyncPath;
  readonly file: DriveFile;
  readonly name: string;
}

const NO_CONTENT = new Uint8Array();

/**
 * Contents of the drive's files for the engine, read, hashed and cut in their backing files by the addon, in groups
 * where that pays. Each is of the expected version before its first and after its last byte, or the answer is CHANGED;
 * hashes that come up are noted in the tree.
 */
export class StoredContents {
  readonly #options: StoredContentsOptions;
  #root: Promise<SafeRoot> | null = null;
  #directory = '';

  constructor(options: StoredContentsOptions) {
    this.#options = options;
  }

  /** Reads small files whole; as `readMany` of a Replica. */
  async readMany(
    requests: readonly HashRequest[],
    { signal }: Options = {},
  ): Promise<readonly ReadResult[]> {
    throwIfAborted(signal);
    const found = await this.#storedAll(requests, signal);
    const stored = found.filter((one): one is Stored => !(one instanceof FerryError));
    const contents = await this.#read(stored);
    const whole = stored.filter((one) => contents.get(one) instanceof Uint8Array);
    const hashes = await this.#noteHashes(whole, contents);
    return found.map((one): ReadResult => {
      if (one instanceof FerryError) return { error: one };
      const content = contents.get(one) ?? unread(one.path);
      if (content instanceof FerryError) return { error: content };
      const hash = hashes.get(one);
      return hash === undefined ? { content } : { content, hash };
    });
  }

  /** Hashes files of any size where they are; as `hashMany` of a Replica. */
  async hashMany(
    requests: readonly HashRequest[],
    options: Options = {},
  ): Promise<readonly (ContentHash | FerryError)[]> {
    const answers = new Map<HashRequest, ContentHash | FerryError>();
    for (const request of requests) {
      const known = this.#knownHash(request);
      if (known !== null) answers.set(request, known);
    }
    const rest = requests.filter((request) => !answers.has(request));
    const small = rest.filter(({ sizeBytes }) => sizeBytes <= GROUP_FILE_BYTES);
    const read = await this.readMany(small, options);
    for (const [index, request] of small.entries()) {
      const result = read[index];
      if (result === undefined) continue;
      answers.set(request, 'error' in result ? result.error : await hashIn(result));
      if ('content' in result) options.onBytes?.(result.content.length);
    }
    for (const request of rest)
      if (!answers.has(request)) answers.set(request, await this.#hashLarge(request, options));
    return requests.map((request) => answers.get(request) ?? unread(request.path));
  }

  /** Cuts a file into chunks; as `chunksOf` of a Replica. */
  async chunksOf(
    path: SyncPath,
    { averageBytes, expected, signal }: ChunkOptions,
  ): Promise<ChunkList> {
    throwIfAborted(signal);
    const stored = await this.#stored({ path, expected, sizeBytes: 0 }, signal);
    const { sizeBytes } = stored.file;
    const average = averageBytes ?? chunkAverageFor(sizeBytes);
    const root = await this.#rootOf(stored);
    const options = signal === undefined ? {} : { signal };
    const cut = await root.chunkFile(stored.name, average, options).catch(failing(path));
    this.#requireSame(stored, cut.before, cut.after);
    const hash = cut.hash as ContentHash;
    this.#options.tree.noteHash(stored.file.id, stored.file.counter, hash);
    return { hash, sizeBytes, averageBytes: average, chunks: cut.chunks };
  }

  async close(): Promise<void> {
    await (await this.#root?.catch(() => null))?.close();
    this.#root = null;
  }

  /** Returns the hash of a file that is as it was when the hash was noted. */
  #knownHash({ path, expected }: HashRequest): ContentHash | FerryError | null {
    try {
      const { hash, closed } = this.#options.expectFile(path, expected);
      return closed === null ? hash : null;
    } catch (error) {
      return toFerryError(error, path);
    }
  }

  async #hashLarge(
    request: HashRequest,
    { signal, onBytes }: Options,
  ): Promise<ContentHash | FerryError> {
    try {
      const stored = await this.#stored(request, signal);
      const root = await this.#rootOf(stored);
      const options = signal === undefined ? {} : { signal };
      const hashed = await root.hashFile(stored.name, options).catch(failing(request.path));
      this.#requireSame(stored, hashed.before, hashed.after);
      onBytes?.(stored.file.sizeBytes);
      const hash = hashed.hash as ContentHash;
      this.#options.tree.noteHash(stored.file.id, stored.file.counter, hash);
      return hash;
    } catch (error) {
      return toFerryError(error, request.path);
    }
  }

  /** Returns the files with their backing files; those whose content is elsewhere are fetched first. */
  async #storedAll(
    requests: readonly HashRequest[],
    signal: AbortSignal | undefined,
  ): Promise<readonly (Stored | FerryError)[]> {
    const found: (Stored | FerryError)[] = [];
    for (const request of requests)
      found.push(
        await this.#stored(request, signal).catch((error) => toFerryError(error, request.path)),
      );
    return found;
  }

  async #stored({ path, expected }: HashRequest, signal: AbortSignal | undefined): Promise<Stored> {
    const { expectFile, fill, tree } = this.#options;
    let file = expectFile(path, expected);
    if (file.state === 'placeholder' && file.sizeBytes > 0) {
      await fill(file, signal);
      file = expectFile(path, expected);
    }
    if (file.backing === null && file.sizeBytes > 0) throw changedMeanwhile(path);
    if (file.backing === null) return { path, file, name: '' };
    const absolutePath = tree.backingPath(file.backing);
    this.#directory ||= dirname(absolutePath);
    return { path, file, name: relative(this.#directory, absolutePath) };
  }

  #rootOf({ name, path }: Stored): Promise<SafeRoot> {
    if (name === '') throw changedMeanwhile(path);
    this.#root ??= openSafeRoot(this.#directory);
    return this.#root;
  }

  async #read(stored: readonly Stored[]): Promise<Map<Stored, Uint8Array | FerryError>> {
    const contents = new Map<Stored, Uint8Array | FerryError>();
    const onDisk = stored.filter(({ name }) => name !== '');
    for (const one of stored) if (one.name === '') contents.set(one, NO_CONTENT);
    const [first] = onDisk;
    if (first === undefined) return contents;
    const root = await this.#rootOf(first);
    const files = await root.readFiles(
      onDisk.map(({ name, file }) => ({ path: name, maxBytes: file.sizeBytes })),
    );
    for (const [index, one] of onDisk.entries())
      contents.set(one, this.#contentOf(one, files[index] ?? { errno: 'EIO' }));
    return contents;
  }

  #contentOf(stored: Stored, file: SmallFile | Failure): Uint8Array | FerryError {
    if ('errno' in file) return unreadable(stored.path, file.errno);
    try {
      this.#requireSame(stored, file.before, file.after);
      return file.content ?? changedMeanwhile(stored.path);
    } catch (error) {
      return toFerryError(error, stored.path);
    }
  }

  /** @throws CHANGED when the file, or what its content is in, is not as it was */
  #requireSame({ path, file }: Stored, before: NodeStat, after: NodeStat): void {
    const now = this.#options.tree.entry(file.id);
    const isSame =
      now?.kind === 'file' &&
      now.counter === file.counter &&
      now.backing === file.backing &&
      now.closed === null &&
      before.sizeBytes === file.sizeBytes &&
      after.sizeBytes === before.sizeBytes &&
      after.mtimeNs === before.mtimeNs;
    if (!isSame) throw changedMeanwhile(path);
  }

  async #noteHashes(
    whole: readonly Stored[],
    contents: ReadonlyMap<Stored, Uint8Array | FerryError>,
  ): Promise<ReadonlyMap<Stored, ContentHash>> {
    const hashes = await hashesOf(whole.map((one) => contents.get(one) as Uint8Array));
    const byFile = new Map<Stored, ContentHash>();
    for (const [index, one] of whole.entries()) {
      const hash = hashes[index];
      if (hash === undefined) continue;
      byFile.set(one, hash);
      this.#options.tree.noteHash(one.file.id, one.file.counter, hash);
    }
    return byFile;
  }
}

async function hashIn(
  result: Extract<ReadResult, { readonly content: Uint8Array }>,
): Promise<ContentHash> {
  return result.hash ?? ((await hashesOf([result.content]))[0] as ContentHash);
}

function changedMeanwhile(path: SyncPath): FerryError {
  return new FerryError('CHANGED', `${path}: it changed while it was read`, { path });
}

function unread(path: SyncPath): FerryError {
  return new FerryError('INTERNAL', `${path}: it was not read`, { path });
}

/** A backing file that is not there was given up or replaced a moment ago. */
function unreadable(path: SyncPath, errno: string, cause?: unknown): FerryError {
  if (errno === 'ENOENT') return changedMeanwhile(path);
  return new FerryError('LOCAL_IO', `${path}: its content in the cache cannot be read (${errno})`, {
    path,
    ...(cause === undefined ? {} : { cause }),
  });
}

function failing(path: SyncPath): (error: unknown) => never {
  return (error) => {
    if (error instanceof FerryError || (error as Error).name === 'AbortError')
      throw toFerryError(error, path);
    throw unreadable(path, codeOf(error) ?? 'EIO', error);
  };
}
