import { execFile, execFileSync, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const runFile = promisify(execFile);
const SOURCE = resolve('bench/drive/mount-probe.c');
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** Figures of one command of the probe; what they are stands in mount-probe.c. */
export type Figures = Readonly<Record<string, number>>;

/** Runs a program that touches a mount: it is killed when it takes too long, and this process never waits in a call. */
export async function bounded(
  seconds: number,
  program: string,
  ...args: readonly string[]
): Promise<string> {
  const all = ['-s', 'KILL', `${seconds}`, program, ...args];
  const { stdout } = await runFile('timeout', all, { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

/** Runs a program and returns the seconds it took. */
export async function secondsOf(program: string, ...args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await bounded(300, program, ...args);
  return (performance.now() - startedMs) / 1000;
}

/** When a change was seen in a mount, as ms since 1970; null: not within the time. */
export interface Seen {
  readonly statMs: number | null;
  readonly eventMs: number | null;
}

/** The small program that measures from outside of Node. */
export class Probe {
  readonly #program: string;

  constructor(work: string) {
    this.#program = join(work, 'mount-probe');
    execFileSync('cc', ['-O2', '-o', this.#program, SOURCE]);
  }

  async run(...args: readonly (string | number)[]): Promise<Figures> {
    const text = await bounded(300, this.#program, ...args.map(String));
    return JSON.parse(text) as Figures;
  }

  /** Calls `change` as soon as somebody waits for a file to have that size, and tells when it had. */
  async seen(
    place: { readonly directory: string; readonly name: string; readonly bytes: number },
    timeoutMs: number,
    change: () => Promise<void>,
  ): Promise<Seen> {
    const { directory, name, bytes } = place;
    const args = ['await', directory, name, `${bytes}`, `${timeoutMs}`];
    const limit = `${Math.ceil(timeoutMs / 1000) + 10}`;
    const child = spawn('timeout', ['-s', 'KILL', limit, this.#program, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let found: Seen = { statMs: null, eventMs: null };
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'ready') {
        await change();
        continue;
      }
      const { seenNs = 0, toldNs = 0 } = JSON.parse(line) as Figures;
      const ms = (ns: number): number | null => (ns === 0 ? null : ns / 1e6);
      found = { statMs: ms(seenNs), eventMs: ms(toldNs) };
    }
    return found;
  }
}
