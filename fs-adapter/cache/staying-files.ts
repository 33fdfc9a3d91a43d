import { BehaviorSubject, type Observable } from 'rxjs';
import type { SyncPath } from '../../core/model/path.ts';
import type { DriveTree } from './drive-tree.ts';

/** Counts the files that are changed and are not to be uploaded, because of their names or an ignore rule. */
export class StayingFiles {
  readonly #tree: Pick<DriveTree, 'find'>;
  readonly #count = new BehaviorSubject(0);
  #byDirectory = new Map<SyncPath, number>();

  constructor(tree: Pick<DriveTree, 'find'>) {
    this.#tree = tree;
  }

  get count(): number {
    return this.#count.value;
  }

  /** As of the last look at each directory. */
  get count$(): Observable<number> {
    return this.#count.asObservable();
  }

  /** Takes in what a look has found in each directory; a whole one has looked at all that there are. */
  looked(found: ReadonlyMap<SyncPath, number>, isWhole: boolean): void {
    if (isWhole) this.#byDirectory = new Map();
    for (const [directory, count] of found)
      if (count > 0) this.#byDirectory.set(directory, count);
      else this.#byDirectory.delete(directory);
    let sum = 0;
    for (const [directory, count] of this.#byDirectory)
      if (this.#tree.find(directory) === null) this.#byDirectory.delete(directory);
      else sum += count;
    if (sum !== this.#count.value) this.#count.next(sum);
  }

  close(): void {
    this.#count.complete();
  }
}
