import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';

const fsyncAsync = promisify(fsync);

interface Waiting {
  readonly sync: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes finished writes durable, many with one system call. One waiting alone syncs only its own file or directory;
 * whatever arrives while a sync runs waits together for one `syncfs`, which covers all of them. There is no timer: a
 * slow disk gathers large groups by itself, and waiting longer for them was measured to cost more than it saves.
 */
export class GroupSync {
  readonly #root: SafeRoot;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #groups = 0;
  #waited = 0;

  constructor(root: SafeRoot) {
    this.#root = root;
  }

  /** How often the disk was waited for, and how many writes that covered. */
  get counts(): { readonly groups: number; readonly waited: number } {
    return { groups: this.#groups, waited: this.#waited };
  }

  /** Resolves when the content and metadata of an open file are on the disk. */
  file(fd: number): Promise<void> {
    return this.#enqueue(() => fsyncAsync(fd));
  }

  /** Resolves when the names in these directories are on the disk. */
  directories(...paths: readonly string[]): Promise<void> {
    return this.#enqueue(async () => {
      for (const path of new Set(paths)) await this.#syncDirectory(path);
    });
  }

  /** Resolves when everything written so far is on the disk. */
  everything(): Promise<void> {
    return this.#enqueue(() => this.#root.syncFileSystem());
  }

  #enqueue(sync: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sync, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      this.#groups++;
      this.#waited += group.length;
      const [alone] = group;
      try {
        if (group.length === 1) await alone?.sync();
        else await this.#syncAll(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** A directory that was moved or removed meanwhile is no longer found, but what was made in it may live on. */
  async #syncDirectory(path: string): Promise<void> {
    try {
      await this.#root.syncDirectory(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
      await this.#root.syncFileSystem();
    }
  }

  /** Where there is no `syncfs`, each syncs its own after all. */
  async #syncAll(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#root.syncFileSystem();
    } catch (error) {
      if (errnoOf(error) !== 'ENOSYS') throw error;
      await Promise.all(group.map(({ sync }) => sync()));
    }
  }
}
