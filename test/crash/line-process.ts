import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Node program that answers every line of JSON on its stdin with one on its stdout. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess, answers: AsyncIterator<string>) {
    this.#child = child;
    this.#answers = answers;
  }

  /** Starts the compiled program `name` of this folder. */
  static start(
    name: string,
    args: readonly string[] = [],
    environment: NodeJS.ProcessEnv = {},
  ): LineProcess {
    const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    child.once('exit', (code, signal) => {
      if (code !== 0) process.stderr.write(`${name} ended with ${code ?? signal}\n`);
    });
    child.stdin.on('error', () => undefined); // it was killed: the answer that does not come says so
    const lines = createInterface({ input: child.stdout });
    return new LineProcess(child, lines[Symbol.asyncIterator]());
  }

  /** Sends a signal, such as SIGSTOP to make it hang. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks one thing at a time. @throws Error with what the program could not do */
  async ask<T>(order: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the process has ended without an answer');
    const answer = JSON.parse(value) as { readonly done: T } | { readonly error: string };
    if ('error' in answer) throw new Error(answer.error);
    return answer.done;
  }

  /** Lets the program end by itself. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }
}

/** Answers orders from stdin, one after the other, until it ends. */
export async function answerLines<T>(follow: (order: T) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await follow(JSON.parse(line)).then(
      (done) => ({ done: done ?? null }),
      (error: unknown) => ({ error: error instanceof Error ? `${error.stack}` : String(error) }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
