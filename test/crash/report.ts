import type { KillResult } from './bench.ts';
import type { ImageResult } from './power-bench.ts';
import type { ServerResult } from './server-trials.ts';

const EVERY = 100;

/** Figures of one kind of trial. */
class Figures {
  trials = 0;
  reached = 0;
  failed = 0;
  totalMs = 0;

  get line(): string {
    const each = this.trials === 0 ? 0 : this.totalMs / this.trials / 1000;
    return `${this.trials} tried, ${this.reached} reached, ${this.failed} failed, ${each.toFixed(2)} s each`;
  }
}

/** Says what was tried and what failed: for people, or as one JSON document for each trial. */
export class Report {
  readonly #isJson: boolean;
  readonly #figures = new Map<string, Figures>();

  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  /** Says something that is no result. */
  note(text: string): void {
    if (!this.#isJson) process.stdout.write(`crash-test: ${text}\n`);
  }

  /** Takes in what became of a killed client. */
  killed(result: KillResult): void {
    const kills = result.point.split('+').length;
    const isReached = result.reached === kills;
    const again = `--point '${result.point}'`;
    this.#add(kills === 1 ? 'killed once' : 'killed twice', again, { ...result, isReached });
  }

  /** Takes in what became of a crash image. */
  cut({ image, ...result }: ImageResult): void {
    const [fileSystem, direction] = image.split(':');
    const again = `--image '${image}' --recording KEPT/${fileSystem}-${direction}`;
    this.#add(`power cut on ${fileSystem}`, again, { point: image, isReached: true, ...result });
  }

  /** Takes in what became of a server that was killed. */
  serverKilled({ trial, ...result }: ServerResult): void {
    this.#add('server killed', `--server-point '${trial}'`, { point: trial, ...result });
  }

  /** Takes in what was left of a server's disk. */
  serverCut(fileSystem: string, { trial, ...result }: ServerResult): void {
    const again = `--server-images 1000 --fs ${fileSystem}`;
    this.#add(`server's power cut on ${fileSystem}`, again, { point: trial, ...result });
  }

  #add(
    kind: string,
    again: string,
    trial: {
      readonly point: string;
      readonly wrong: readonly string[];
      readonly durationMs: number;
      readonly isReached: boolean;
    },
  ): void {
    const { point, wrong, durationMs, isReached } = trial;
    const figures = this.#figures.get(kind) ?? new Figures();
    this.#figures.set(kind, figures);
    figures.trials++;
    figures.totalMs += durationMs;
    if (isReached) figures.reached++;
    if (wrong.length > 0) figures.failed++;
    if (this.#isJson) process.stdout.write(`${JSON.stringify({ kind, ...trial })}\n`);
    else if (wrong.length > 0)
      process.stdout.write(
        `FAILED ${point}\n${wrong.map((line) => `  ${line}\n`).join('')}  again: npm run crash-test -- ${again}\n`,
      );
    if (figures.trials % EVERY === 0) this.note(`${kind}: ${figures.line}`);
  }

  /** Says the figures; tells whether everything went well. */
  end(): boolean {
    const all = [...this.#figures];
    if (this.#isJson)
      process.stdout.write(
        `${JSON.stringify(Object.fromEntries(all.map(([kind, figures]) => [kind, { ...figures }])))}\n`,
      );
    for (const [kind, figures] of all) this.note(`${kind}: ${figures.line}`);
    return all.length > 0 && all.every(([, { failed }]) => failed === 0);
  }
}
