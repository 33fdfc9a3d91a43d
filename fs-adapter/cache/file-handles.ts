import type { FileNode } from './drive-node.ts';
import type { Handle, OpenFile } from './open-file.ts';
import { PosixError } from './posix-error.ts';

/** fuse-native carries handles in 31 bits, and cannot carry 0. */
const MAX_HANDLE = 0x7fff_ffff;

/** The handles that programs hold, and the files that they are of. */
export class FileHandles {
  readonly #open = new Map<number, OpenFile>();
  readonly #handles = new Map<number, Handle>();
  #last = 0;

  get count(): number {
    return this.#handles.size;
  }

  get files(): Iterable<OpenFile> {
    return this.#open.values();
  }

  openFile(id: number): OpenFile | undefined {
    return this.#open.get(id);
  }

  attach(node: FileNode, write: boolean, append: boolean): number {
    let file = this.#open.get(node.id);
    if (file === undefined) {
      file = {
        node,
        handles: 0,
        writers: 0,
        content: null,
        closed: null,
        isBegun: false,
        isStale: false,
        isUnsynced: false,
      };
      this.#open.set(node.id, file);
    }
    file.handles += 1;
    if (write) file.writers += 1;
    do this.#last = (this.#last % MAX_HANDLE) + 1;
    while (this.#handles.has(this.#last));
    this.#handles.set(this.#last, { file, write, append });
    return this.#last;
  }

  /** @throws PosixError EBADF */
  get(handle: number): Handle {
    const found = this.#handles.get(handle);
    if (found === undefined) throw new PosixError('EBADF', 'the handle is not open');
    return found;
  }

  /** Gives a handle up and returns it; with its last one a file is not open any more. */
  release(handle: number): Handle {
    const found = this.get(handle);
    const { file, write } = found;
    this.#handles.delete(handle);
    file.handles -= 1;
    if (write) file.writers -= 1;
    if (file.handles === 0) this.#open.delete(file.node.id);
    return found;
  }
}
