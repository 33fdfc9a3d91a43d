import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { FillableTree } from '../../fs-adapter/cache/content-hydrations.ts';
import {
  type DriveEntry,
  type Extent,
  FILL_BLOCK_BYTES,
  type FillTarget,
} from '../../fs-adapter/cache/drive-tree.ts';
import { driveFile } from './drive-file.ts';

interface Placeholder {
  readonly path: SyncPath;
  readonly sizeBytes: number;
  version: Version;
  generation: number;
  readonly hash: ContentHash | null;
  backingPath: string;
  readonly blocks: Set<number>;
  isComplete: boolean;
}

/** Placeholders and what is here of them, as far as whoever fills them sees a drive's tree. */
export class FillTree implements FillableTree {
  /** False: programs have moved everything since. */
  isPlaced = true;
  readonly #directory: string;
  readonly #files: Placeholder[] = [];
  /** What was said to be filled, in order. */
  readonly told: Extent[] = [];
  discarded = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  add(path: string, sizeBytes: number, hash: string | null = null): number {
    const id = this.#files.length;
    this.#files.push({
      path: path as SyncPath,
      sizeBytes,
      version: `v-${path}` as Version,
      generation: 1,
      hash: hash as ContentHash | null,
      backingPath: this.#newBacking(id, 1, sizeBytes),
      blocks: new Set(),
      isComplete: false,
    });
    return id;
  }

  /** Gives a file another version, of the same size. */
  replace(id: number, version: string, { removesContent = false } = {}): void {
    const file = this.#at(id);
    if (removesContent) rmSync(file.backingPath);
    file.version = version as Version;
    this.#empty(id);
  }

  isComplete(id: number): boolean {
    return this.#at(id).isComplete;
  }

  content(id: number, offset = 0, length = this.#at(id).sizeBytes): Buffer {
    const fd = openSync(this.#at(id).backingPath, 'r');
    const bytes = Buffer.alloc(length);
    const count = readSync(fd, bytes, 0, length, offset);
    closeSync(fd);
    return bytes.subarray(0, count);
  }

  pathOf(id: number): SyncPath {
    return this.#at(id).path;
  }

  entry(id: number): DriveEntry {
    const { path, sizeBytes, version, blocks, isComplete, hash } = this.#at(id);
    return driveFile({
      id,
      name: path,
      sizeBytes,
      isPlaced: this.isPlaced,
      state: isComplete ? 'hydrated' : 'placeholder',
      source: version,
      hash,
      storedBytes: Math.min(sizeBytes, blocks.size * FILL_BLOCK_BYTES),
      handles: 1,
    });
  }

  fillTarget(id: number): FillTarget | null {
    const { generation, version, sizeBytes, hash, backingPath, isComplete } = this.#at(id);
    return isComplete ? null : { id, generation, source: version, sizeBytes, hash, backingPath };
  }

  missing(id: number, part: Extent): readonly Extent[] {
    const { sizeBytes, blocks } = this.#at(id);
    const extents: { offset: number; length: number }[] = [];
    const end = Math.min(part.offset + part.length, sizeBytes);
    for (let block = Math.floor(part.offset / FILL_BLOCK_BYTES); ; block += 1) {
      const offset = block * FILL_BLOCK_BYTES;
      if (offset >= end) return extents;
      if (blocks.has(block)) continue;
      const length = Math.min(FILL_BLOCK_BYTES, sizeBytes - offset);
      const last = extents.at(-1);
      if (last !== undefined && last.offset + last.length === offset) last.length += length;
      else extents.push({ offset, length });
    }
  }

  filled(id: number, generation: number, part: Extent): boolean {
    const file = this.#at(id);
    if (file.generation !== generation) return false;
    this.told.push(part);
    const end = part.offset + part.length;
    for (let block = Math.ceil(part.offset / FILL_BLOCK_BYTES); ; block += 1) {
      const blockEnd = Math.min((block + 1) * FILL_BLOCK_BYTES, file.sizeBytes);
      if (block * FILL_BLOCK_BYTES >= end || blockEnd > end) return true;
      file.blocks.add(block);
    }
  }

  completed(id: number, generation: number): boolean {
    const file = this.#at(id);
    if (file.generation !== generation) return false;
    file.isComplete = true;
    return true;
  }

  discard(id: number, generation: number): void {
    if (this.#at(id).generation !== generation) return;
    this.discarded += 1;
    this.#empty(id);
  }

  #empty(id: number): void {
    const file = this.#at(id);
    file.generation += 1;
    file.blocks.clear();
    file.backingPath = this.#newBacking(id, file.generation, file.sizeBytes);
  }

  #at(id: number): Placeholder {
    const file = this.#files[id];
    if (file === undefined) throw new Error(`no file ${id}`);
    return file;
  }

  #newBacking(id: number, generation: number, sizeBytes: number): string {
    const path = join(this.#directory, `${id}-${generation}`);
    const fd = openSync(path, 'wx');
    ftruncateSync(fd, sizeBytes);
    closeSync(fd);
    return path;
  }
}
