import type { Addon } from './addon.ts';
import {
  type ContentHasher,
  type ContentOptions,
  type FileRange,
  parseAverage,
} from './content.ts';
import { answerOf, forTakenPaths, joinPaths, packNewFiles } from './group-files.ts';
import { copyThrough } from './javascript-content.ts';
import { renameToFree } from './javascript-files.ts';
import { PooledHasher, withCancel } from './native-content.ts';
import {
  packFingerprints,
  unpackHashedFile,
  unpackListings,
  unpackSmallFiles,
  unpackStat,
  unpackStats,
} from './packed-stat.ts';
import { parseChildPath, parseRelativePath } from './relative-path.ts';
import { emulateRename, lacksRenameModes } from './rename-emulation.ts';
import { RootDescriptor } from './root-descriptor.ts';
import type {
  ChunkedFile,
  DirectoryItem,
  DirectoryListing,
  Failure,
  HashedFile,
  NewDirectory,
  NewFile,
  NodeStat,
  PrivateNames,
  ReadRequest,
  RenameMode,
  RenameRequest,
  SafeRoot,
  SmallFile,
  SurveyOptions,
  SurveyRequest,
} from './safe-root.ts';
import { codeOf, errnoName, systemError } from './system-error.ts';

/** RENAME_NOREPLACE and RENAME_EXCHANGE of renameat2(2). */
const RENAME_FLAGS: Readonly<Record<RenameMode, number>> = {
  replace: 0,
  'no-replace': 1,
  exchange: 2,
};

/** No name has a NUL in it. */
const NOTHING_PRIVATE: PrivateNames = { folder: '\0', prefix: '\0' };

function pathOf({ path }: { readonly path: string }): readonly string[] {
  return [path];
}

/** Returns what the addon answered, or throws the errno that it stands for. */
function checked<T>(result: T | number, syscall: string, path: string): T | number {
  if (typeof result === 'number' && result < 0)
    throw systemError(errnoName(-result), syscall, path);
  return result;
}

/** SafeRoot on the addon: each method is one task of libuv's thread pool. */
export class NativeRoot implements SafeRoot {
  readonly backend = 'native';
  readonly timePrecisionNs = 1n;
  readonly absolutePath: string;
  readonly #addon: Addon;
  readonly #root: RootDescriptor;

  private constructor(addon: Addon, root: RootDescriptor, absolutePath: string) {
    this.#addon = addon;
    this.#root = root;
    this.absolutePath = absolutePath;
  }

  static async open(addon: Addon, absolutePath: string): Promise<NativeRoot> {
    return new NativeRoot(addon, await RootDescriptor.open(absolutePath), absolutePath);
  }

  /** Runs `work` with the addon and the root's descriptor, which stays open meanwhile. */
  withAddon<T>(work: (addon: Addon, root: number) => Promise<T>): Promise<T> {
    return this.#root.use((root) => work(this.#addon, root));
  }

  /** Runs one call of the addon on the root. */
  async #call<T>(
    syscall: string,
    path: string,
    call: (root: number) => Promise<T | number>,
  ): Promise<T> {
    const result = await this.#root.use(call);
    return checked(result, syscall, path) as T;
  }

  async open(path: string, flags: number, mode = 0o666): Promise<number> {
    parseRelativePath(path);
    return this.#call('open', path, (root) => this.#addon.open(root, path, flags, mode));
  }

  createFiles(files: readonly NewFile[]): Promise<readonly (NodeStat | Failure)[]> {
    return forTakenPaths(files, pathOf, async (taken) => {
      const paths = joinPaths(taken.flatMap(pathOf));
      const { contents, modes, times } = packNewFiles(taken);
      const packed = await this.#root.use((root) =>
        this.#addon.createFiles(root, paths, contents, modes, times),
      );
      return unpackStats(packed, taken.length);
    });
  }

  readFiles(requests: readonly ReadRequest[]): Promise<readonly (SmallFile | Failure)[]> {
    return forTakenPaths(requests, pathOf, async (taken) => {
      const paths = joinPaths(taken.flatMap(pathOf));
      const maxBytes = Float64Array.from(taken, (request) => request.maxBytes);
      const [words, contents] = await this.#root.use((root) =>
        this.#addon.readFiles(root, paths, maxBytes),
      );
      return unpackSmallFiles(words, contents, taken.length);
    });
  }

  renameFiles(pairs: readonly RenameRequest[]): Promise<readonly (NodeStat | Failure)[]> {
    const pathsOf = ({ from, to }: RenameRequest): readonly string[] => [from, to];
    return forTakenPaths(pairs, pathsOf, async (taken) => {
      const paths = joinPaths(taken.flatMap(pathsOf));
      const packed = await this.#root.use((root) =>
        this.#addon.renameFiles(root, paths, taken.length),
      );
      const answers = [...unpackStats(packed, taken.length)];
      for (const [index, pair] of taken.entries()) {
        const answer = answers[index];
        if (answer && 'errno' in answer && lacksRenameModes({ code: answer.errno }))
          answers[index] = await answerOf(() => renameToFree(this, pair));
      }
      return answers;
    });
  }

  makeDirectories(items: readonly NewDirectory[]): Promise<readonly (NodeStat | Failure)[]> {
    return forTakenPaths(items, pathOf, async (taken) => {
      const paths = joinPaths(taken.flatMap(pathOf));
      const modes = Uint32Array.from(taken, ({ mode }) => mode);
      const packed = await this.#root.use((root) =>
        this.#addon.makeDirectories(root, paths, modes),
      );
      return unpackStats(packed, taken.length);
    });
  }

  async hashFile(path: string, options: ContentOptions = {}): Promise<HashedFile> {
    parseChildPath(path);
    const words = await withCancel(options, (cancel) =>
      this.#call<ArrayBuffer>('read', path, (root) => this.#addon.hashFile(root, path, cancel)),
    );
    return unpackHashedFile(words);
  }

  async chunkFile(
    path: string,
    averageBytes: number,
    options: ContentOptions = {},
  ): Promise<ChunkedFile> {
    parseChildPath(path);
    const average = parseAverage(averageBytes);
    const [words, chunks] = await withCancel(options, (cancel) =>
      this.#call('read', path, (root) => this.#addon.chunkFile(root, path, average, cancel)),
    );
    return { ...unpackHashedFile(words), chunks };
  }

  async copyRange(
    source: FileRange,
    target: FileRange,
    length: number,
    hasher?: ContentHasher,
  ): Promise<number> {
    if (hasher !== undefined && !(hasher instanceof PooledHasher))
      return copyThrough(source, target, length, hasher);
    return checked(
      await this.#addon.copyRange(
        source.fd,
        source.offset,
        target.fd,
        target.offset,
        length,
        hasher?.native,
      ),
      'copy_file_range',
      this.absolutePath,
    );
  }

  async startWriteback({ fd, offset }: FileRange, length: number): Promise<void> {
    await this.#addon.startWriteback(fd, offset, length); // only a hint: the sync that follows tells what failed
  }

  createHasher(): ContentHasher {
    return new PooledHasher(this.#addon);
  }

  async stat(path: string): Promise<NodeStat | null> {
    parseRelativePath(path);
    try {
      const packed = await this.#call<ArrayBuffer>('stat', path, (root) =>
        this.#addon.stat(root, path),
      );
      return unpackStat(packed);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return null;
      throw error;
    }
  }

  async statDescriptor(fd: number): Promise<NodeStat> {
    const packed = checked(await this.#addon.statDescriptor(fd), 'fstat', this.absolutePath);
    return unpackStat(packed as ArrayBuffer);
  }

  async list(path: string): Promise<readonly DirectoryItem[]> {
    const [listing] = await this.survey([{ path }]);
    if (listing && 'items' in listing) return listing.items;
    throw systemError(listing?.errno ?? 'EIO', 'list', path);
  }

  async survey(
    requests: readonly SurveyRequest[],
    { hidden = NOTHING_PRIVATE, onlyDirectories = false }: SurveyOptions = {},
  ): Promise<readonly DirectoryListing[]> {
    const paths = requests.map(({ path }) => path);
    paths.forEach(parseRelativePath);
    const known = packFingerprints(requests);
    const packed = await this.#call<ArrayBuffer>('list', paths[0] ?? '', (root) =>
      this.#addon.survey(root, paths, known, hidden.folder, hidden.prefix, onlyDirectories),
    );
    return unpackListings(packed, paths);
  }

  async makeDirectory(path: string, mode = 0o777): Promise<void> {
    parseChildPath(path);
    await this.#call('mkdir', path, (root) => this.#addon.makeDirectory(root, path, mode));
  }

  async removeFile(path: string): Promise<void> {
    parseChildPath(path);
    await this.#call('unlink', path, (root) => this.#addon.unlink(root, path, false));
  }

  async removeDirectory(path: string): Promise<void> {
    parseChildPath(path);
    await this.#call('rmdir', path, (root) => this.#addon.unlink(root, path, true));
  }

  async rename(from: string, to: string, mode: RenameMode): Promise<void> {
    parseChildPath(from);
    parseChildPath(to);
    try {
      await this.#rename(from, to, mode);
    } catch (error) {
      if (mode === 'replace' || !lacksRenameModes(error)) throw error;
      await emulateRename(this.#primitives(), from, to, mode);
    }
  }

  async #rename(from: string, to: string, mode: RenameMode): Promise<void> {
    await this.#call('rename', from, (root) =>
      this.#addon.rename(root, from, to, RENAME_FLAGS[mode]),
    );
  }

  #primitives() {
    return {
      stat: (path: string) => this.stat(path),
      hardLink: (from: string, to: string) => this.hardLink(from, to),
      removeFile: (path: string) => this.removeFile(path),
      removeDirectory: (path: string) => this.removeDirectory(path),
      makeDirectory: (path: string, mode?: number) => this.makeDirectory(path, mode),
      renameOver: (from: string, to: string) => this.#rename(from, to, 'replace'),
    };
  }

  async hardLink(from: string, to: string): Promise<void> {
    parseChildPath(from);
    parseChildPath(to);
    await this.#call('link', to, (root) => this.#addon.hardLink(root, from, to));
  }

  async makeLink(path: string, target: string): Promise<void> {
    parseChildPath(path);
    if (target.includes('\0')) throw systemError('EINVAL', 'symlink', path);
    await this.#call('symlink', path, (root) => this.#addon.makeLink(root, path, target));
  }

  async readLink(path: string): Promise<string> {
    parseChildPath(path);
    const target = await this.#call<Buffer>('readlink', path, (root) =>
      this.#addon.readLink(root, path),
    );
    return target.toString('utf8');
  }

  async setTimes(path: string, mtimeNs: bigint): Promise<void> {
    parseChildPath(path);
    await this.#call('utimensat', path, (root) => this.#addon.setTimes(root, path, mtimeNs));
  }

  async setTimesOfDescriptor(fd: number, mtimeNs: bigint): Promise<void> {
    checked(await this.#addon.setTimesOfDescriptor(fd, mtimeNs), 'futimens', this.absolutePath);
  }

  async setMode(path: string, mode: number): Promise<void> {
    parseRelativePath(path);
    await this.#call('chmod', path, (root) => this.#addon.setMode(root, path, mode));
  }

  async syncFileSystem(): Promise<void> {
    await this.#call('syncfs', this.absolutePath, (root) => this.#addon.syncFileSystem(root));
  }

  async syncDirectory(path: string): Promise<void> {
    parseRelativePath(path);
    await this.#call('fsync', path, (root) => this.#addon.syncDirectory(root, path));
  }

  async space(): Promise<{ freeBytes: number; totalBytes: number; freeInodes: number }> {
    const packed = await this.#call<ArrayBuffer>('statfs', this.absolutePath, (root) =>
      this.#addon.space(root),
    );
    const [free = 0n, total = 0n, inodes = 0n] = new BigUint64Array(packed);
    return { freeBytes: Number(free), totalBytes: Number(total), freeInodes: Number(inodes) };
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}
