import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FerryError } from '../../core/model/errors.ts';
import type { Context } from '../context.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024;
const STOP_TIMEOUT_MS = 10_000;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs real programs for the demonstration and shows each with what it printed. */
export class Stage {
  readonly #context: Context;
  readonly #environment: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly #background: ChildProcess[] = [];
  #step = 0;

  /** `directory` is where commands run; `ferryHome` is the demonstration's own state. */
  constructor(context: Context, directory: string, ferryHome: string) {
    this.#context = context;
    this.directory = directory;
    this.#environment = { ...context.environment, FERRY_HOME: ferryHome, LC_ALL: 'C.UTF-8' };
  }

  title(text: string): void {
    const { terminal } = this.#context;
    this.#step++;
    terminal.text(`\n${terminal.bold(`${this.#step}. ${text}`)}`);
  }

  say(text: string): void {
    this.#context.terminal.text(`   ${text}`);
  }

  /** Runs `ferry ARGS` and shows it; `accepted` are the exit codes that are not failures. */
  async ferry(args: readonly string[], accepted: readonly number[] = [0]): Promise<CommandResult> {
    this.#show(`ferry ${args.map(quoted).join(' ')}`);
    return this.#run(process.execPath, [MAIN, ...args], `ferry ${args[0]}`, accepted);
  }

  /** Runs `ferry ARGS` without showing it. */
  async quietFerry(args: readonly string[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const options = { cwd: this.directory, env: this.#environment };
      execFile(process.execPath, [MAIN, ...args], options, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Runs a line of shell and shows it. */
  async shell(line: string): Promise<CommandResult> {
    this.#show(line);
    return this.#run('/bin/sh', ['-c', line], line, [0]);
  }

  /** Starts `ferry ARGS`, shows it, and leaves it running until `close`; returns when it printed something. */
  async ferryInBackground(args: readonly string[], shown: string): Promise<ChildProcess> {
    this.#show(`${shown} &`);
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.directory,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    this.#background.push(child);
    const { stdout } = child;
    await new Promise<void>((resolve, reject) => {
      stdout.once('data', (chunk: Buffer) => {
        this.#print(String(chunk));
        resolve();
      });
      child.once('exit', (code) =>
        reject(new FerryError('INTERNAL', `ferry ${args[0]} ended with exit code ${code}`)),
      );
    });
    return child;
  }

  /** Lets what is in the background run on when this program has ended. */
  letGo(): void {
    for (const child of this.#background.splice(0)) {
      child.stdout?.destroy();
      child.unref();
    }
  }

  /** Ends what was started in the background, the newest first. */
  async close(): Promise<void> {
    for (const child of this.#background.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
  }

  #show(line: string): void {
    const { terminal } = this.#context;
    terminal.text(`   ${terminal.bold(`$ ${line}`)}`);
  }

  #print(text: string): void {
    const lines = text.trimEnd();
    if (lines !== '') this.#context.terminal.text(lines.replaceAll(/^/gm, '     '));
  }

  #run(
    program: string,
    args: readonly string[],
    label: string,
    accepted: readonly number[],
  ): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const options = {
        cwd: this.directory,
        env: this.#environment,
        maxBuffer: OUTPUT_LIMIT_BYTES,
        signal: this.#context.signal,
      };
      execFile(program, [...args], options, (error, stdout, stderr) => {
        this.#print(stdout);
        this.#print(stderr);
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        if (accepted.includes(code)) resolve({ code, stdout, stderr });
        else
          reject(
            new FerryError('INTERNAL', `${label} ended with exit code ${code}`, { cause: error }),
          );
      });
    });
  }
}

/** Returns a word as it would be typed. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
