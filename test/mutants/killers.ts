import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Something that may notice a bug: a program that fails then. */
export interface Killer {
  readonly name: string;
  /** Runs it in a workspace; returns what it noticed, or null. */
  run(path: string, signal: AbortSignal): Promise<string | null>;
}

const TIME_LIMIT_MS = 300_000;
const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  '--ci',
  '--bail=1',
  '--runInBand',
  '--forceExit',
  '--testTimeout=60000',
  '--json',
  '--outputFile=result.json',
];

/** Runs tests whose paths match; what it noticed is the name of the first test that failed. */
function jest(name: string, ...patterns: readonly string[]): Killer {
  return {
    name,
    async run(path, signal) {
      const end = await program([...JEST, ...patterns], path, signal);
      return end === null ? null : ((await firstFailure(path)) ?? end);
    },
  };
}

interface JestResult {
  readonly testResults?: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

async function firstFailure(path: string): Promise<string | undefined> {
  try {
    const result: JestResult = JSON.parse(await readFile(join(path, 'result.json'), 'utf8'));
    const failed = (result.testResults ?? [])
      .flatMap(({ assertionResults }) => assertionResults)
      .find(({ status }) => status === 'failed');
    return failed?.fullName;
  } catch {
    return undefined; // it was killed before it could write anything
  }
}

/** Resolves with null when the program succeeds, else with how it ended; one that hangs has noticed the bug, too. */
function program(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(process.execPath, args, { cwd, stdio: 'ignore', signal });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, TIME_LIMIT_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(code === 0 ? null : isLate ? 'does not end' : `exit code ${code}`);
    });
  });
}

const TABLES = jest('reconcile tables', 'core/reconcile/(one-way|two-way|unseen)');
const WORLDS = jest('small worlds', 'core/reconcile/small-worlds');
const CUTS = jest('interruptions', 'core/reconcile/interruptions');
const EDITS = jest('random edits of trees', 'core/reconcile/edits');
const UNITS = jest('unit tests', 'core/(model|records|transfer|engine)/');
const SCENARIOS = jest('scenarios', 'test/scenarios/(?!random-edits|interrupted)');
const LONG_SCENARIOS = jest('long scenarios', 'test/scenarios/(random-edits|interrupted)');

/** What is tried on a bug in that file, in order; the first that notices it ends it. */
export function killersFor(file: string): readonly Killer[] {
  const isPlan = file.startsWith('core/reconcile/') || file.startsWith('core/model/');
  return isPlan
    ? [TABLES, WORLDS, CUTS, EDITS, SCENARIOS, LONG_SCENARIOS]
    : [UNITS, SCENARIOS, LONG_SCENARIOS];
}
