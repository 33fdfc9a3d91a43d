import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { ContentHasher, ContentOptions, FileRange } from './content.ts';
import { chunkWholeFile, copyThrough, hashWholeFile, PlainHasher } from './javascript-content.ts';
import {
  createWholeFile,
  eachOf,
  makeOneDirectory,
  readWholeFile,
  renameToFree,
} from './javascript-files.ts';
import { decodeName, kindOfMode } from './packed-stat.ts';
import { parseChildPath, parseRelativePath, splitPath } from './relative-path.ts';
import { emulateRename } from './rename-emulation.ts';
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
  ReadRequest,
  RenameMode,
  RenameRequest,
  SafeRoot,
  SmallFile,
  SurveyOptions,
  SurveyRequest,
} from './safe-root.ts';
import { surveyed } from './surveyed.ts';
import { codeOf, systemError } from './system-error.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
/** Not in node:fs, the same number on every Linux that Node runs on: a descriptor that only names a node. */
const O_PATH = 0o10000000;
const STATS_AT_ONCE = 32;
const SYNC_TIMEOUT_MS = 120_000;

const open = promisify(fs.open);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);
const link = promisify(fs.link);
const rename = promisify(fs.rename);
const lutimes = promisify(fs.lutimes);
const futimes = promisify(fs.futimes);
const lstat = promisify(fs.lstat) as (
  path: fs.PathLike,
  options: { bigint: true },
) => Promise<fs.BigIntStats>;
const fstat = promisify(fs.fstat) as (
  fd: number,
  options: { bigint: true },
) => Promise<fs.BigIntStats>;

/** The kernel's own name of an open directory: a path through it starts there, wherever the directory is by now. */
function throughDescriptor(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function nodeStat(stats: fs.BigIntStats): NodeStat {
  const mode = Number(stats.mode);
  return {
    kind: kindOfMode(mode),
    dev: stats.dev,
    ino: stats.ino,
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    birthtimeNs: stats.birthtimeNs,
    mode: mode & 0o7777,
    links: Number(stats.nlink),
  };
}

/**
 * Returns seconds that libuv's conversion brings back to the same microsecond: a double has no room for more at
 * today's times, and half a microsecond keeps the cut from falling one short.
 */
function secondsOf(mtimeNs: bigint): number {
  const us = mtimeNs / 1000n;
  return Number(us / 1_000_000n) + (Number(us % 1_000_000n) + 0.5) / 1e6;
}

/** Runs `sync -f` on a path; the file system behind it is then durable. */
function spawnSync(absolutePath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sync', ['-f', absolutePath], {
      stdio: 'ignore',
      timeout: SYNC_TIMEOUT_MS,
    });
    child.on('error', (error) => reject(systemError('ENOSYS', 'syncfs', absolutePath, error)));
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(systemError('EIO', 'syncfs', absolutePath)),
    );
  });
}

/**
 * SafeRoot on node:fs: a descriptor opened O_DIRECTORY|O_NOFOLLOW at each level, and children through the proc fd
 * path. The same guarantees as the addon's, with more calls, times to the microsecond, and an exchange of two names
 * that is not one step. Linux only.
 */
export class JavascriptRoot implements SafeRoot {
  readonly backend = 'javascript';
  readonly timePrecisionNs = 1000n;
  readonly absolutePath: string;
  readonly #root: RootDescriptor;

  private constructor(root: RootDescriptor, absolutePath: string) {
    this.#root = root;
    this.absolutePath = absolutePath;
  }

  static async open(absolutePath: string): Promise<JavascriptRoot> {
    return new JavascriptRoot(await RootDescriptor.open(absolutePath), absolutePath);
  }

  /** Runs `act` with the descriptor of a directory, and shows errors with the path as the caller knows it. */
  async #inDirectory<T>(
    directory: string,
    syscall: string,
    path: string,
    act: (through: string) => Promise<T>,
  ): Promise<T> {
    return this.#root.use(async (root) => {
      let fd = root;
      try {
        for (const name of directory === '' ? [] : directory.split('/')) {
          const child = await open(
            `${throughDescriptor(fd)}/${name}`,
            O_PATH | O_DIRECTORY | O_NOFOLLOW,
          );
          if (fd !== root) await close(fd);
          fd = child;
        }
        return await act(throughDescriptor(fd));
      } catch (error) {
        throw systemError(codeOf(error) ?? 'EIO', syscall, path, error);
      } finally {
        if (fd !== root) await close(fd);
      }
    });
  }

  /** Runs `act` with the absolute path of the last name, through its directory's descriptor. */
  async #atPlace<T>(
    syscall: string,
    path: string,
    act: (location: string) => Promise<T>,
  ): Promise<T> {
    const [directory, name] = splitPath(path);
    return this.#inDirectory(directory, syscall, path, (through) =>
      act(`${through}/${name === '' ? '.' : name}`),
    );
  }

  async #atTwoPlaces(
    syscall: string,
    from: string,
    to: string,
    act: (source: string, target: string) => Promise<void>,
  ): Promise<void> {
    parseChildPath(from);
    parseChildPath(to);
    await this.#atPlace(syscall, from, (source) =>
      this.#atPlace(syscall, to, (target) => act(source, target)),
    );
  }

  async open(path: string, flags: number, mode = 0o666): Promise<number> {
    parseRelativePath(path);
    return this.#atPlace('open', path, (location) =>
      open(location, flags | O_NOFOLLOW | O_NONBLOCK, mode),
    );
  }

  createFiles(files: readonly NewFile[]): Promise<readonly (NodeStat | Failure)[]> {
    return eachOf(files, (file) => createWholeFile(this, file));
  }

  readFiles(requests: readonly ReadRequest[]): Promise<readonly (SmallFile | Failure)[]> {
    return eachOf(requests, (request) => readWholeFile(this, request));
  }

  renameFiles(pairs: readonly RenameRequest[]): Promise<readonly (NodeStat | Failure)[]> {
    return eachOf(pairs, (pair) => renameToFree(this, pair));
  }

  makeDirectories(items: readonly NewDirectory[]): Promise<readonly (NodeStat | Failure)[]> {
    return eachOf(items, (item) => makeOneDirectory(this, item), 1);
  }

  async hashFile(path: string, options: ContentOptions = {}): Promise<HashedFile> {
    parseChildPath(path);
    return hashWholeFile(this, path, options);
  }

  async chunkFile(
    path: string,
    averageBytes: number,
    options: ContentOptions = {},
  ): Promise<ChunkedFile> {
    parseChildPath(path);
    return chunkWholeFile(this, path, averageBytes, options);
  }

  copyRange(
    source: FileRange,
    target: FileRange,
    length: number,
    hasher?: ContentHasher,
  ): Promise<number> {
    return copyThrough(source, target, length, hasher);
  }

  async startWriteback(): Promise<void> {
    // node:fs has no call for it; the sync that follows writes everything.
  }

  createHasher(): ContentHasher {
    return new PlainHasher();
  }

  async stat(path: string): Promise<NodeStat | null> {
    parseRelativePath(path);
    try {
      return await this.#atPlace('stat', path, async (location) =>
        nodeStat(await lstat(location, { bigint: true })),
      );
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return null;
      throw error;
    }
  }

  async statDescriptor(fd: number): Promise<NodeStat> {
    return nodeStat(await fstat(fd, { bigint: true }));
  }

  async list(path: string): Promise<readonly DirectoryItem[]> {
    parseRelativePath(path);
    return this.#inDirectory(path, 'list', path, async (through) => {
      const names = await fs.promises.readdir(`${through}/.`, { encoding: 'buffer' });
      names.sort(Buffer.compare);
      const items: DirectoryItem[] = [];
      for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
        const some = names.slice(start, start + STATS_AT_ONCE);
        items.push(...(await Promise.all(some.map((name) => itemAt(through, name)))));
      }
      return items;
    });
  }

  async survey(
    requests: readonly SurveyRequest[],
    options?: SurveyOptions,
  ): Promise<readonly DirectoryListing[]> {
    const listings: DirectoryListing[] = [];
    for (const request of requests) {
      try {
        listings.push(surveyed(request, await this.list(request.path), options));
      } catch (error) {
        listings.push({ path: request.path, errno: codeOf(error) ?? 'EIO' });
      }
    }
    return listings;
  }

  async makeDirectory(path: string, mode = 0o777): Promise<void> {
    parseChildPath(path);
    await this.#atPlace('mkdir', path, (location) => fs.promises.mkdir(location, { mode }));
  }

  async removeFile(path: string): Promise<void> {
    parseChildPath(path);
    await this.#atPlace('unlink', path, (location) => fs.promises.unlink(location));
  }

  async removeDirectory(path: string): Promise<void> {
    parseChildPath(path);
    await this.#atPlace('rmdir', path, (location) => fs.promises.rmdir(location));
  }

  async rename(from: string, to: string, mode: RenameMode): Promise<void> {
    parseChildPath(from);
    parseChildPath(to);
    const primitives = {
      stat: (path: string) => this.stat(path),
      hardLink: (source: string, target: string) => this.hardLink(source, target),
      removeFile: (path: string) => this.removeFile(path),
      removeDirectory: (path: string) => this.removeDirectory(path),
      makeDirectory: (path: string, bits?: number) => this.makeDirectory(path, bits),
      renameOver: (source: string, target: string) =>
        this.#atTwoPlaces('rename', source, target, rename),
    };
    await emulateRename(primitives, from, to, mode);
  }

  async hardLink(from: string, to: string): Promise<void> {
    await this.#atTwoPlaces('link', from, to, link);
  }

  async makeLink(path: string, target: string): Promise<void> {
    parseChildPath(path);
    await this.#atPlace('symlink', path, (location) => fs.promises.symlink(target, location));
  }

  async readLink(path: string): Promise<string> {
    parseChildPath(path);
    return this.#atPlace('readlink', path, (location) => fs.promises.readlink(location));
  }

  async setTimes(path: string, mtimeNs: bigint): Promise<void> {
    parseChildPath(path);
    const seconds = secondsOf(mtimeNs);
    await this.#atPlace('utimensat', path, (location) => lutimes(location, seconds, seconds));
  }

  async setTimesOfDescriptor(fd: number, mtimeNs: bigint): Promise<void> {
    const seconds = secondsOf(mtimeNs);
    await futimes(fd, seconds, seconds);
  }

  async setMode(path: string, mode: number): Promise<void> {
    parseRelativePath(path);
    await this.#atPlace('chmod', path, async (location) => {
      // A descriptor that only names the node: it can be had without permissions, and cannot be swapped for another.
      const node = await open(location, O_PATH | O_NOFOLLOW);
      try {
        const { kind } = nodeStat(await fstat(node, { bigint: true }));
        if (kind === 'symlink') throw systemError('ELOOP', 'chmod', path);
        await fs.promises.chmod(throughDescriptor(node), mode & 0o7777);
      } finally {
        await close(node);
      }
    });
  }

  async syncFileSystem(): Promise<void> {
    await this.#root.use((root) => spawnSync(`/proc/${process.pid}/fd/${root}`));
  }

  async syncDirectory(path: string): Promise<void> {
    const fd = await this.open(path, O_RDONLY | O_DIRECTORY);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  }

  async space(): Promise<{ freeBytes: number; totalBytes: number; freeInodes: number }> {
    return this.#root.use(async (root) => {
      const space = await fs.promises.statfs(`${throughDescriptor(root)}/.`);
      return {
        freeBytes: space.bavail * space.bsize,
        totalBytes: space.blocks * space.bsize,
        freeInodes: space.ffree,
      };
    });
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}

async function itemAt(through: string, name: Buffer): Promise<DirectoryItem> {
  try {
    const location = Buffer.concat([Buffer.from(`${through}/`), name]);
    return { ...decodeName(name), stat: nodeStat(await lstat(location, { bigint: true })) };
  } catch (error) {
    return { ...decodeName(name), stat: null, errno: codeOf(error) ?? 'EIO' };
  }
}
