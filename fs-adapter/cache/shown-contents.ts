import type { Subscription } from 'rxjs';
import type { FileNode } from './drive-node.ts';
import type { FileContents } from './file-contents.ts';
import type { ScriptTree } from './script-tree.ts';

/**
 * Says which content programs get under a path, for a mount that knows files by their paths only: its kernel keeps pages
 * and sizes by path, so that programs that read an older content and those that open the file now must get the same.
 */
export class ShownContents {
  readonly #contents: FileContents;
  /** Files whose place others have taken and that are still read, by those others. */
  readonly #older = new Map<FileNode, FileNode>();
  readonly #subscription: Subscription;

  constructor(tree: Pick<ScriptTree, 'contents' | 'replaced$'>) {
    this.#contents = tree.contents;
    this.#subscription = tree.replaced$.subscribe(({ old, now }) => {
      const shown = this.under(old);
      this.#older.delete(old);
      this.#older.set(now, shown);
    });
  }

  /** Returns the file whose content is shown where `node` is. */
  under(node: FileNode): FileNode {
    const older = this.#older.get(node);
    if (older === undefined) return node;
    if (this.#contents.openFile(older.id) !== undefined) return older;
    this.#older.delete(node);
    return node;
  }

  /** Shows the present content from now on; whoever reads an older one gets ESTALE. */
  update(node: FileNode): void {
    const older = this.#older.get(node);
    if (older === undefined) return;
    this.#older.delete(node);
    this.#contents.expire(older);
  }

  close(): void {
    this.#subscription.unsubscribe();
  }
}
