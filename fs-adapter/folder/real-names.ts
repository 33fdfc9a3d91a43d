import { isAtOrBelow, rebasePath, type SyncPath } from '../../core/model/path.ts';

/**
 * Where a name on the disk is not NFC, its path is shown as NFC, and this knows the real one: macOS and old archives
 * leave decomposed names behind, which are other names for Linux.
 */
export class RealNames {
  /** Real last names by the path as it is shown. */
  readonly #names = new Map<SyncPath, string>();

  /** Tells whether all names are known to be as they are shown. */
  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Notes what the last segment of `path` is really called. */
  set(path: SyncPath, realName: string): void {
    this.#names.set(path, realName);
  }

  /** Forgets a path and all below it, before they are observed again or because they are gone. */
  forget(path: SyncPath): void {
    for (const known of this.#names.keys()) if (isAtOrBelow(known, path)) this.#names.delete(known);
  }

  /** Follows a rename; the moved entry itself has its new name as given. */
  move(from: SyncPath, to: SyncPath): void {
    this.#names.delete(from);
    for (const [known, name] of [...this.#names]) {
      if (!isAtOrBelow(known, from)) continue;
      this.#names.delete(known);
      this.#names.set(rebasePath(known, from, to), name);
    }
  }

  /** Returns the path on the disk. */
  realPath(path: SyncPath): string {
    if (this.#names.size === 0 || path === '') return path;
    let shown = '';
    const real = path.split('/').map((name) => {
      shown = shown === '' ? name : `${shown}/${name}`;
      return this.#names.get(shown as SyncPath) ?? name;
    });
    return real.join('/');
  }
}
