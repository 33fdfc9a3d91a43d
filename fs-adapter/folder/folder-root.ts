import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FerryError } from '../../core/model/errors.ts';
import { PRIVATE_FOLDER } from '../../core/model/path.ts';
import { codeOf, openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { folderError } from './errno.ts';
import { makeMissing } from './make-missing.ts';
import {
  createPrivateFile,
  makeDirectories,
  privatePath,
  readPrivateFile,
} from './private-files.ts';

const MARKER = privatePath('root.json');

export interface FolderRootOptions {
  readonly absolutePath: string;
  readonly backend?: 'native' | 'javascript';
}

/** The folder's root, opened when it is first needed and again when another directory has taken its place. */
export class FolderRoot {
  readonly #options: FolderRootOptions;
  #opened: Promise<SafeRoot> | null = null;

  constructor(options: FolderRootOptions) {
    if (options.absolutePath.split('/').includes(PRIVATE_FOLDER))
      throw new FerryError(
        'CONFIG_INVALID',
        `${options.absolutePath} is inside a ${PRIVATE_FOLDER} folder, which Ferry keeps for itself; choose another folder`,
        { path: options.absolutePath },
      );
    this.#options = options;
  }

  /** @throws LOCAL_ROOT_MISSING, LOCAL_PERMISSION */
  async get(): Promise<SafeRoot> {
    this.#opened ??= this.#open();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = null; // the next call tries again
      throw error;
    }
  }

  async #open(): Promise<SafeRoot> {
    const { absolutePath, backend } = this.#options;
    try {
      return await openSafeRoot(absolutePath, backend === undefined ? {} : { backend });
    } catch (error) {
      throw this.#missing(error);
    }
  }

  #missing(error: unknown): FerryError {
    const { absolutePath } = this.#options;
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? ''))
      return folderError(error, absolutePath, 'open the folder');
    return new FerryError(
      'LOCAL_ROOT_MISSING',
      `the folder ${absolutePath} is not there; was it renamed, or is its disk not mounted?`,
      { path: absolutePath, cause: error },
    );
  }

  /** Opens the directory that is at the path now, if it is not the one that was opened before. */
  async #refresh(): Promise<SafeRoot> {
    let now: BigIntStats;
    try {
      now = await stat(this.#options.absolutePath, { bigint: true });
    } catch (error) {
      await this.close();
      throw this.#missing(error);
    }
    const root = await this.get();
    const opened = await root.stat('');
    if (opened?.ino === now.ino && opened.dev === now.dev) return root;
    await this.close();
    return this.get();
  }

  /**
   * Returns the root's identity: its marker's id, its inode and birth time. (Not the device number: that of a disk
   * changes with the order in which disks are plugged in.) Null without a marker.
   */
  async identify(create: boolean): Promise<string | null> {
    if (create) await this.#create();
    const root = await this.#refresh();
    const id = await markerId(root);
    const self = await root.stat('');
    return id === null || !self ? null : `${id}:${self.ino}:${self.birthtimeNs}`;
  }

  async #create(): Promise<void> {
    const { absolutePath } = this.#options;
    try {
      await makeMissing(absolutePath);
      const root = await this.#refresh();
      if ((await markerId(root)) !== null) return;
      await makeDirectories(root, PRIVATE_FOLDER);
      await createPrivateFile(root, MARKER, `${JSON.stringify({ id: randomUUID() })}\n`);
      await root.syncDirectory(PRIVATE_FOLDER);
      await root.syncDirectory('');
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return; // another process made it in the same moment
      throw folderError(error, absolutePath, 'prepare the folder');
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    const root = await opened?.catch(() => null);
    await root?.close();
  }
}

async function markerId(root: SafeRoot): Promise<string | null> {
  const text = await readPrivateFile(root, MARKER);
  try {
    const marker: unknown = text === null ? null : JSON.parse(text);
    const id = (marker as { id?: unknown } | null)?.id;
    return typeof id === 'string' && id !== '' ? id : null;
  } catch {
    return null; // damaged: the root cannot be proven to be the one it was
  }
}
