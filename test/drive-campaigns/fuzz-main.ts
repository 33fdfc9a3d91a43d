// `npm run fuzz-drive`: programs in a drive, and another client that changes the same tree.
import { parseArgs } from 'node:util';
import { runFuzzCampaign } from './fuzz-campaign.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '24' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'pause-ms': { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const seed = Number(values.seed);
say(`fuzz-drive: ${values.minutes} minutes, seed ${seed}`);
const result = await runFuzzCampaign({
  forMs: Number(values.minutes) * 60_000,
  seed,
  pauseMs: Number(values['pause-ms']),
  note: say,
  keeps: values.keep,
});
say(`operations that failed: ${JSON.stringify(result.failures)}`);
for (const wrong of result.wrong.slice(0, 50)) say(`WRONG ${wrong}`);
say(
  `${result.operations} operations, ${result.written} contents written, ${result.conflictCopies} conflict copies, ${result.wrong.length} wrong`,
);
process.exitCode = result.wrong.length === 0 ? 0 : 1;
