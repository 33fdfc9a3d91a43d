import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What one run of the checker did. */
export interface CheckSummary {
  readonly seed: number;
  readonly operations: number;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  /** What the drive was really made to do: how many files it freed and uploaded at the checker's wish, for instance. */
  readonly effects: Readonly<Record<'freed' | 'uploaded' | 'replaced' | 'restarts', number>>;
  /** What the file system does not have, with its error, and how often it was asked for. */
  readonly skipped: Readonly<Record<string, number>>;
}

export interface CheckResult {
  /** Null when a difference was found, or the checker did not end. */
  readonly summary: CheckSummary | null;
  /** What the checker said about the difference: seed, operation, the operations before it. */
  readonly complaint: string;
}

export interface CheckOptions {
  readonly program: string;
  /** Where the checker's own directory is made. */
  readonly directory: string;
  readonly seed: number;
  readonly operations: number;
  readonly fileSize: number;
  readonly only: string | null;
  readonly without: string | null;
  readonly restarts: boolean;
  readonly replaceOpen: boolean;
  readonly noOrphans: boolean;
  readonly hangSeconds: number;
  readonly history: number;
  readonly timeoutMs: number;
  /** Carries out a line of the checker and answers it with `ok …` or `busy …`; null: it may ask for nothing. */
  readonly control: ((words: readonly string[]) => Promise<string>) | null;
}

/** The checker's directory below the place where it works. */
export function checkedDirectory(seed: number): string {
  return `check-${seed}`;
}

/** Runs the checker once, in a process of its own, and ends it when it takes too long. */
export async function runCheck(options: CheckOptions): Promise<CheckResult> {
  const directory = join(options.directory, checkedDirectory(options.seed));
  await mkdir(directory);
  const child = spawn(options.program, [...argumentsOf(options), directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-1_048_576);
  });
  // A checker that was killed does not read its answers.
  child.stdin.on('error', () => undefined);
  const timer = setTimeout(() => {
    complaint += `no end after ${options.timeoutMs / 1000} s\n`;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  const summary = await conversation(child, options.control);
  const code = await ended;
  clearTimeout(timer);
  if (code !== 0 && complaint === '') complaint = `the checker ended with ${code}\n`;
  return { summary: code === 0 ? summary : null, complaint };
}

function argumentsOf(options: CheckOptions): readonly string[] {
  const { seed, operations, fileSize, only, without, control } = options;
  return [
    ...['--seed', String(seed), '--ops', String(operations), '--size', String(fileSize)],
    ...['--hang', String(options.hangSeconds)],
    ...['--history', String(options.history)],
    ...(only === null ? [] : ['--only', only]),
    ...(without === null ? [] : ['--without', without]),
    ...(control === null ? [] : ['--control']),
    ...(options.restarts ? ['--restarts'] : []),
    ...(options.replaceOpen ? ['--replace-open'] : []),
    ...(options.noOrphans ? ['--no-orphans'] : []),
  ];
}

/** Answers the checker's lines until it says that it is done, or ends. */
async function conversation(
  child: ChildProcess,
  control: CheckOptions['control'],
): Promise<CheckSummary | null> {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the checker has no pipes');
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith('done ')) return JSON.parse(line.slice(5)) as CheckSummary;
    stdin.write(`${await answerTo(line, control)}\n`);
  }
  return null;
}

async function answerTo(line: string, control: CheckOptions['control']): Promise<string> {
  try {
    return (await control?.(line.split('\t'))) ?? 'failed: nothing can be asked here';
  } catch (error) {
    return `failed: ${String(error).replaceAll(/\s+/g, ' ')}`;
  }
}
