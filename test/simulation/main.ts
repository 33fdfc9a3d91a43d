import { parseArgs } from 'node:util';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { drawConfiguration } from './configuration.ts';
import { describe } from './describe.ts';
import { Random } from './random.ts';
import { regressionTest, timeline } from './report.ts';
import { type Failure, playSeed } from './seeds.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

const SHRINK = { maxReplays: 5000, maxMs: 60_000, nowMs: () => performance.now() };

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    direction: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    'max-failures': { type: 'string', default: '5' },
    'no-shrink': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run simulate -- [options]
  --seeds N         so many seeds (20000)
  --from S          the first of them (1)
  --seed S          only this one; with --trace, what happened in it
  --direction D     ${DIRECTIONS.join(', ')}; each seed draws one otherwise
  --jobs J          threads (2)
  --max-failures N  stop after so many seeds that failed (5)
  --no-shrink       do not look for a smaller schedule that fails
  --json            one line of JSON at the end
`;

function say(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`);
}

function directionOf(text: string | undefined): Direction | undefined {
  const found = DIRECTIONS.find((direction) => direction === text);
  if (text !== undefined && found === undefined) throw new Error(`no direction: ${text}`);
  return found;
}

/** Prints what is wrong with the seed, and the smallest schedule that shows it. */
async function explain({ seed, violations }: Failure, direction?: Direction): Promise<void> {
  say(`\nseed ${seed} failed; again with: npm run simulate -- --seed ${seed} --trace`);
  for (const violation of violations) say(`  ${violation}`);
  if (values['no-shrink'] || values.json) return;
  const configuration = drawConfiguration(Random.of(seed, 'configuration'), direction);
  const shrunk = await shrink(configuration, await playSeed(seed, direction), SHRINK);
  say(`\n${shrunk.events.length} events are enough (${shrunk.replays} replays):`);
  for (const event of shrunk.events) say(`  ${describe(event)}`);
  say(`\n--- test/regress/seed-${seed}.test.ts\n${regressionTest(seed, shrunk)}---`);
}

async function playOne(seed: number, direction?: Direction): Promise<readonly Failure[]> {
  const played = await playSeed(seed, direction, { keepsLines: values.trace });
  if (values.trace) say(timeline(played.lines));
  const { violations } = played;
  if (violations.length === 0) say(`seed ${seed}: ${played.runs} runs, nothing wrong`);
  return violations.length === 0 ? [] : [{ seed, violations }];
}

async function playMany(direction?: Direction): Promise<readonly Failure[]> {
  const began = performance.now();
  const result = await simulate({
    first: Number(values.from),
    count: Number(values.seeds),
    jobs: Number(values.jobs),
    maxFailures: Number(values['max-failures']),
    ...(direction === undefined ? {} : { direction }),
  });
  const seconds = (performance.now() - began) / 1000;
  const { seeds, runs, crashes, faults, failures } = result;
  say(
    `${seeds} seeds, ${runs} runs, ${faults} faults and edits in runs, ${crashes} crashes: ${failures.length} failed; ${seconds.toFixed(1)} s, ${Math.round(seeds / seconds)}/s`,
  );
  if (values.json) process.stdout.write(`${JSON.stringify({ ...result, seconds })}\n`);
  return failures;
}

if (values.help) process.stdout.write(USAGE);
else {
  const direction = directionOf(values.direction);
  const failures =
    values.seed === undefined
      ? await playMany(direction)
      : await playOne(Number(values.seed), direction);
  for (const failure of failures) await explain(failure, direction);
  if (failures.length > 0) process.exitCode = 1;
}
