import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Content } from './write-log.ts';

const ANSWER_MS = 10_000;

type Told = Readonly<Record<string, unknown>>;

/** The writing program in a process of its own; whoever asks it for something learns whether it hangs. */
export class Writer {
  readonly #child: ChildProcess;
  /** What its operations failed with, and how often. */
  readonly failures = new Map<string, number>();

  /** A careful one does not write into the bare mount point. */
  constructor(directory: string, log: string, options: { seed: number; isCareful: boolean }) {
    const { seed, isCareful } = options;
    const host = fileURLToPath(new URL('./writer-host.js', import.meta.url));
    const care = isCareful ? ['careful'] : [];
    this.#child = fork(host, [directory, log, String(seed), ...care], { execArgv: [] });
    this.#child.on('message', ({ failed }: Told) => {
      if (typeof failed === 'string')
        this.failures.set(failed, (this.failures.get(failed) ?? 0) + 1);
    });
  }

  /** @throws Error when it hangs */
  async pause(): Promise<{ readonly operations: number; readonly longestMs: number }> {
    const told = await this.#ask('pause', 'pause');
    return { operations: Number(told['operations']), longestMs: Number(told['longestMs']) };
  }

  async go(): Promise<void> {
    await this.#ask('go', 'go');
  }

  /** Tells it which files not to touch any more. */
  async leave(paths: readonly string[]): Promise<void> {
    await this.#ask({ leave: paths }, 'left');
  }

  /** Lets it remove the temporary files of saves that did not end. */
  async tidy(): Promise<void> {
    await this.#ask('tidy', 'tidied');
  }

  /** Returns what it finds in its directory. */
  async look(): Promise<ReadonlyMap<string, Content>> {
    const { seen } = await this.#ask('look', 'seen');
    return new Map(Object.entries(seen as Record<string, Content>));
  }

  /** Ends it; one that hangs is killed. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.send('end', () => undefined);
    await Promise.race([ended, sleep(2000)]);
    this.#child.kill('SIGKILL');
  }

  #ask(order: string | object, answer: string): Promise<Told> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#child.off('message', hear);
      };
      const hear = (told: Told) => {
        if (told[answer] === undefined) return;
        done();
        resolve(told);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`the writing program hangs: it did not answer ${JSON.stringify(order)}`));
      }, ANSWER_MS);
      this.#child.on('message', hear);
      this.#child.send(order);
    });
  }
}
