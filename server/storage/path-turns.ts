/** Lets changes to one path happen one after the other, and those to different paths at the same time. */
export class PathTurns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `change` when all earlier ones that share a path with it have ended. */
  async run<T>(paths: readonly string[], change: () => Promise<T>): Promise<T> {
    const unique = [...new Set(paths)];
    const earlier = unique.map((path) => this.#last.get(path));
    let end = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      end = resolve;
    });
    // All places in line are taken in this one step, so two changes can never wait for each other.
    for (const path of unique) this.#last.set(path, turn);
    try {
      await Promise.all(earlier);
      return await change();
    } finally {
      end();
      for (const path of unique) if (this.#last.get(path) === turn) this.#last.delete(path);
    }
  }
}
