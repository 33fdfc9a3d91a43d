/** What happened in a schedule, in order: always as a hash, and as lines where somebody wants to read it. */
export class Trace {
  readonly lines: string[] | null;
  #hash = 0x811c9dc5;

  constructor(keepsLines: boolean) {
    this.lines = keepsLines ? [] : null;
  }

  get hash(): number {
    return this.#hash >>> 0;
  }

  add(line: string): void {
    let hash = this.#hash;
    for (let index = 0; index < line.length; index++)
      hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
    this.#hash = Math.imul(hash ^ 10, 0x01000193);
    this.lines?.push(line);
  }
}
