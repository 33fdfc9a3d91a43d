// `npm run kill-drive`: a drive whose process is killed at random moments while a program writes in it.
import { campaignOptions } from './campaign-options.ts';
import { runKillCampaign } from './kill-campaign.ts';

const USAGE = `usage: npm run kill-drive -- [options]

  --kills N        so many times (100)
  --seed N         when, and what the program does; 0 < N (by the clock)
  --longest-ms N   the longest time between two kills (2500)
  --keep           the files stay where something is wrong
`;

const options = campaignOptions({
  numbers: { kills: 100, seed: (Date.now() % 1_000_000) + 1, 'longest-ms': 2500 },
  usage: USAGE,
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const [kills, seed] = [options.number('kills'), options.number('seed')];
say(`kill-drive: ${kills} kills, seed ${seed}`);
const result = await runKillCampaign({
  kills,
  seed,
  longestMs: options.number('longest-ms'),
  note: say,
  keeps: options.keeps,
});
const sorted = [...result.awayMs].sort((a, b) => a - b);
const at = (part: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
say(`away, in ms: shortest ${at(0)}, median ${at(0.5)}, 95 % ${at(0.95)}, longest ${at(1)}`);
say(`longest operation of the program: ${Math.round(result.longestMs)} ms`);
say(`its operations failed with: ${JSON.stringify(Object.fromEntries(result.failures))}`);
say(`written into the bare directory between two mounts, and put aside: ${result.putAside} times`);
say(
  `paths in conflict with an own upload that a kill cut off (docs/known-issues.md): ${result.ownConflicts}`,
);
for (const wrong of result.wrong.slice(0, 50)) say(`WRONG ${wrong}`);
const late = sorted.filter((ms) => ms > 2000).length;
say(
  `${result.operations} operations, ${result.wrong.length} wrong, ${late} of ${sorted.length} times away for more than 2 s`,
);
process.exitCode = result.wrong.length + late === 0 ? 0 : 1;
