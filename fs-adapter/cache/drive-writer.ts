import { rm } from 'node:fs/promises';
import { nameOf, type SyncPath } from '../../core/model/path.ts';
import type { Logger, WriteItem } from '../../core/ports.ts';
import { fillBacking } from './backing-fill.ts';
import { versionOf } from './drive-entry.ts';
import type { DriveFile, DriveTree, NewContent, StagedContent } from './drive-tree.ts';

export interface DriveWriterOptions {
  readonly tree: DriveTree;
  readonly logger: Logger;
  readonly placeholders: boolean;
}

/** What is where an item is to be written; null: nothing. */
export interface WritePlace {
  readonly file: DriveFile | null;
  readonly directoryId: number;
}

/** Puts files of the other side into the tree, as placeholders or with their content. */
export class DriveWriter {
  readonly #options: DriveWriterOptions;

  constructor(options: DriveWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes one item. `look` returns the place and throws when it is not as the item expects; it is called again
   * after each wait, and the change is made in one step with the last look.
   */
  async write(
    item: WriteItem,
    look: () => WritePlace,
    signal: AbortSignal | undefined,
  ): Promise<DriveFile> {
    const { tree, placeholders } = this.#options;
    let place = look();
    const staged = placeholders ? null : await this.#stage(item, signal);
    try {
      if (staged !== null) place = look();
      if (place.file !== null) {
        await this.keepDirty(place.file, item.path);
        place = look();
      }
      const content = contentOf(item, staged);
      if (place.file !== null) return tree.replace(place.file.id, place.file.counter, content);
      const entry = { ...content, kind: 'file', name: nameOf(item.path) } as const;
      return tree.insert(place.directoryId, entry) as DriveFile;
    } catch (error) {
      if (staged !== null) await rm(tree.backingPath(staged.backing), { force: true });
      throw error;
    }
  }

  /**
   * Keeps a copy of content that only this drive has, where a sync that knew of it replaces or removes it all the
   * same (a mirror does). The file itself stays as it is.
   */
  async keepDirty(file: DriveFile, path: SyncPath): Promise<void> {
    if (file.state === 'dirty') await this.#keep(file, path);
  }

  /**
   * As `keepDirty`, where sync removes a file. One that a program has moved counts as removed only while its content is
   * not here: what came after that was seen may be all that there is.
   */
  async keepRemoved(file: DriveFile, path: SyncPath): Promise<void> {
    const isMoved = file.state === 'hydrated' && !file.isPlaced;
    if (isMoved || file.state === 'dirty') await this.#keep(file, path);
  }

  async #keep(file: DriveFile, path: SyncPath): Promise<void> {
    const { tree, logger } = this.#options;
    if (file.backing === null || file.sizeBytes === 0) return;
    const keptAs = await tree.keepVersion(file.backing, path);
    logger.info('kept the version that sync replaces', { path, keptAs, version: versionOf(file) });
  }

  async #stage(item: WriteItem, signal: AbortSignal | undefined): Promise<StagedContent> {
    const { backing, path } = this.#options.tree.newBacking();
    const stampNs = await fillBacking(path, await item.open(signal), item.sizeBytes);
    return { backing, stampNs };
  }
}

function contentOf(item: WriteItem, staged: StagedContent | null): NewContent {
  const { sizeBytes, sourceVersion, hash = null, mtimeNs, mode } = item;
  return {
    sizeBytes,
    source: sourceVersion,
    hash,
    staged,
    ...(mtimeNs === undefined ? {} : { mtimeNs }),
    ...(mode === undefined ? {} : { mode }),
  };
}
