import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Something that may notice a bug: a program that fails then. */
export interface Killer {
  readonly name: string;
  /** Runs it in a workspace; returns what it noticed, or null. */
  run(path: string, signal: AbortSignal): Promise<string | null>;
}

const TIME_LIMIT_MS = 900_000;
const MOST_SAID = 100_000;
/** A file system in memory, where there is one: records that are flushed take no time there. */
const MEMORY = '/dev/shm';

/** Runs the tests whose paths match; what it noticed is the name of the first that failed. */
function tests(name: string, pattern: string): Killer {
  const args = ['dist/test/mutants/one-process/main.js', pattern];
  return {
    name,
    async run(path, signal) {
      const end = await program(args, path, signal);
      return end === null ? null : (/^failed: (.*)/m.exec(end)?.[1] ?? end.slice(0, 200));
    },
  };
}

/** Plays so many seeds of the simulation; what it noticed is what is wrong with the first seed that failed. */
function simulation(name: string, seeds: number): Killer {
  const args = ['--seeds', `${seeds}`, '--jobs', '1', '--max-failures', '1', '--no-shrink'];
  return {
    name,
    async run(path, signal) {
      const end = await program(['dist/test/simulation/main.js', ...args], path, signal);
      const [, seed, violation] = /seed (\d+) failed.*\n +(.*)/.exec(end ?? '') ?? [];
      return seed === undefined ? end : `seed ${seed}, ${violation}`;
    },
  };
}

/** Resolves with null when the program succeeds, else with what it says; one that hangs has noticed the bug, too. */
function program(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...(existsSync(MEMORY) ? { TMPDIR: MEMORY } : {}) };
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let isLate = false;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += said.length < MOST_SAID ? text : '';
      });
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
      resolve(code === 0 ? null : isLate ? 'does not end' : said || `exit code ${code}`);
    });
  });
}

const TABLES = tests(
  'reconcile tables',
  'core/reconcile/(one-way|two-way|unseen|pairing|contests)',
);
const WORLDS = tests('small worlds', 'core/reconcile/small-worlds');
const CUTS = tests('interruptions', 'core/reconcile/interruptions');
const EDITS = tests('random edits of trees', 'core/reconcile/edits');
const NEAR =
  '(changed|conflict-j|directions|durable|guards|left-out|not-content|said|true|waiting)';
const UNITS = tests('unit tests', `core/(model|records|transfer|engine)/|^scenarios/${NEAR}`);
const SCENARIOS = tests('scenarios', `^scenarios/(?!random|interrupted|catalogue|${NEAR})`);
const LONG_SCENARIOS = tests('long scenarios', '^scenarios/(random-edits|interrupted|catalogue)');
const SIMULATION = simulation('simulation', 100);
const FEED = tests('the feed', '^server/(feed-moves|tree-observer|feed)\\.test');
const FEED_READERS = tests('readers of the feed', '^server/feed-(edits|kill)');
const LONG_SIMULATION = simulation('long simulation', 20_000);

/** What is tried on a bug in that file, in order; the first that notices it ends it. */
export function killersFor(file: string): readonly Killer[] {
  if (file.startsWith('server/feed/')) return [FEED, FEED_READERS];
  const isPlan = file.startsWith('core/reconcile/') || file.startsWith('core/model/');
  return isPlan
    ? [TABLES, WORLDS, CUTS, EDITS, SCENARIOS, LONG_SCENARIOS, LONG_SIMULATION]
    : [SIMULATION, UNITS, SCENARIOS, LONG_SCENARIOS, LONG_SIMULATION];
}
