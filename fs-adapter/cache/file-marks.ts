import type { SyncPath } from '../../core/model/path.ts';
import type { DriveTree, FileMark } from './drive-tree.ts';

/**
 * What programs see of a file's state beyond what the tree knows: that it is being uploaded, and that it is in conflict.
 * The engine's side says so; a file that is uploaded shows that first.
 */
export class FileMarks {
  readonly #tree: Pick<DriveTree, 'find' | 'setMark'>;
  readonly #uploading = new Set<number>();
  #conflicts: ReadonlySet<number> = new Set();

  constructor(tree: Pick<DriveTree, 'find' | 'setMark'>) {
    this.#tree = tree;
  }

  /** Marks a file whose content is read to be uploaded. */
  uploading(id: number): void {
    if (this.#uploading.has(id)) return;
    this.#uploading.add(id);
    this.#show(id);
  }

  /** The file is uploaded, or it did not come to that. */
  uploadEnded(id: number): void {
    if (this.#uploading.delete(id)) this.#show(id);
  }

  /** No upload is under way. */
  allEnded(): void {
    for (const id of [...this.#uploading]) this.uploadEnded(id);
  }

  /** Marks the files of all conflicts that there are, and no others. */
  setConflicts(paths: readonly SyncPath[]): void {
    const before = this.#conflicts;
    this.#conflicts = new Set(
      paths.flatMap((path) => {
        const entry = this.#tree.find(path);
        return entry?.kind === 'file' ? entry.id : [];
      }),
    );
    for (const id of before) if (!this.#conflicts.has(id)) this.#show(id);
    for (const id of this.#conflicts) if (!before.has(id)) this.#show(id);
  }

  /** Tells whether a file is one of the versions of a conflict, so that its content stays here. */
  isInConflict(id: number): boolean {
    return this.#conflicts.has(id);
  }

  #show(id: number): void {
    this.#tree.setMark(id, this.#markOf(id));
  }

  #markOf(id: number): FileMark | null {
    if (this.#uploading.has(id)) return 'uploading';
    return this.#conflicts.has(id) ? 'conflict' : null;
  }
}
