import type { SyncPath } from '../../core/model/path.ts';
import type { DriveEntry, DriveTree, FileMark } from './drive-tree.ts';

/** A file, and where it is. */
type Placed = Pick<DriveEntry, 'id' | 'parentId' | 'name'>;

/**
 * What programs see of a file's state beyond what the tree knows: that it is being uploaded, and that it is in conflict.
 * The engine's side says so; a file that is uploaded shows that first.
 */
export class FileMarks {
  readonly #tree: Pick<DriveTree, 'find' | 'setMark'>;
  /** Where each one was when that began. */
  readonly #uploading = new Map<number, Placed>();
  #conflicts: ReadonlySet<number> = new Set();

  constructor(tree: Pick<DriveTree, 'find' | 'setMark'>) {
    this.#tree = tree;
  }

  /** Marks a file whose content is read to be uploaded. */
  uploading(file: Placed): void {
    const { id } = file;
    const isMarked = this.#uploading.has(id);
    this.#uploading.set(id, file);
    if (!isMarked) this.#show(id);
  }

  /** Tells whether a file that is being uploaded still has its name and directory; that one may have got another name. */
  isWhereItWas({ id, parentId, name }: Placed): boolean {
    const begun = this.#uploading.get(id);
    return begun !== undefined && begun.parentId === parentId && begun.name === name;
  }

  /** The file is uploaded, or it did not come to that. */
  uploadEnded(id: number): void {
    if (this.#uploading.delete(id)) this.#show(id);
  }

  /** No upload is under way. */
  allEnded(): void {
    for (const id of [...this.#uploading.keys()]) this.uploadEnded(id);
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
