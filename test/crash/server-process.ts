import { LineProcess } from './line-process.ts';

/** The companion server in its own process; it serves one directory after the other under one address. */
export class ServerProcess {
  readonly #process = LineProcess.start('server-host');
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Serves `directory`, always under the same address. */
  async open(directory: string): Promise<void> {
    this.#port = await this.#process.ask<number>({ directory, port: this.#port });
  }

  /** Ends running requests and lets go of the directory. */
  async close(): Promise<void> {
    await this.#process.ask<number>({ directory: null, port: this.#port });
  }

  /** Lets it hang: it takes connections and answers nothing. */
  hang(): void {
    this.#process.signal('SIGSTOP');
  }

  /** Lets it go on after it hung. */
  goOn(): void {
    this.#process.signal('SIGCONT');
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
