import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { filesBelow } from './walk.ts';

export interface HydrationProgressState {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** Counts how much of what was missing has come. */
export class HydrationProgress {
  readonly #tree: Pick<DriveTree, 'children' | 'entry'>;
  /** What was here of the files that are being fetched when they were begun. */
  readonly #begun = new Map<number, number>();
  #filesDone = 0;
  #filesTotal = 0;
  #bytesDone = 0;
  #bytesTotal = 0;

  constructor(tree: Pick<DriveTree, 'children' | 'entry'>) {
    this.#tree = tree;
  }

  /** Adds up what is missing. */
  async count(start: DriveEntry): Promise<void> {
    for await (const file of filesBelow(this.#tree, start)) {
      if (file.state !== 'placeholder') continue;
      this.#filesTotal += 1;
      this.#bytesTotal += file.sizeBytes - file.storedBytes;
    }
  }

  begun(file: DriveFile): true {
    this.#begun.set(file.id, file.storedBytes);
    return true;
  }

  ended(file: DriveFile): void {
    this.#begun.delete(file.id);
    this.#filesDone += 1;
    this.#bytesDone += file.sizeBytes - file.storedBytes;
  }

  get state(): HydrationProgressState {
    let coming = 0;
    for (const [id, before] of this.#begun) {
      const entry = this.#tree.entry(id);
      if (entry?.kind === 'file') coming += Math.max(0, entry.storedBytes - before);
    }
    return {
      filesDone: this.#filesDone,
      filesTotal: Math.max(this.#filesTotal, this.#filesDone),
      bytesDone: this.#bytesDone + coming,
      bytesTotal: Math.max(this.#bytesTotal, this.#bytesDone + coming),
    };
  }
}
