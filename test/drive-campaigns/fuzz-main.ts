// `npm run fuzz-drive`: programs in a drive, and another client that changes the same tree.
import { campaignOptions } from './campaign-options.ts';
import { runFuzzCampaign } from './fuzz-campaign.ts';

const USAGE = `usage: npm run fuzz-drive -- [options]

  --minutes N    for so long (24)
  --seed N       what the programs choose; 0 < N (by the clock)
  --pause-ms N   between two operations of a program (60)
  --keep         the files stay where something is wrong
`;

const options = campaignOptions({
  numbers: { minutes: 24, seed: (Date.now() % 1_000_000) + 1, 'pause-ms': 60 },
  usage: USAGE,
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const [minutes, seed] = [options.number('minutes'), options.number('seed')];
say(`fuzz-drive: ${minutes} minutes, seed ${seed}`);
const result = await runFuzzCampaign({
  forMs: minutes * 60_000,
  seed,
  pauseMs: options.number('pause-ms'),
  note: say,
  keeps: options.keeps,
});
say(`operations that failed: ${JSON.stringify(result.failures)}`);
for (const wrong of result.wrong.slice(0, 50)) say(`WRONG ${wrong}`);
say(
  `${result.operations} operations, ${result.written} contents written, ${result.conflictCopies} conflict copies, ${result.wrong.length} wrong`,
);
process.exitCode = result.wrong.length === 0 ? 0 : 1;
