/** `npm run posix -- DIRECTORY [--only GROUP]`: holds any directory against the table of POSIX behaviours. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryDirectory } from '../support/temporary.ts';
import { featuresOf, SHOWN_WAYS } from './capabilities.ts';
import { PosixCases } from './posix-cases.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    as: { type: 'string', default: 'disk' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [directory] = positionals;
const way = SHOWN_WAYS[values.as];
if (values.help || directory === undefined || way === undefined) {
  const ways = Object.keys(SHOWN_WAYS).join('|');
  const usage = `usage: npm run posix -- DIRECTORY [--as ${ways}] [--only GROUP]\n`;
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exit(values.help ? 0 : 2);
}
const compiled = await temporaryDirectory('ferry-posix');
try {
  const cases = await PosixCases.compile(compiled.path);
  const counts = { ok: 0, 'not ok': 0, skip: 0 };
  for (const group of values.only === undefined ? cases.groups : [values.only])
    for (const { name, verdict, reason } of await cases.run(
      resolve(directory),
      featuresOf(way),
      group,
    )) {
      counts[verdict] += 1;
      process.stdout.write(`${verdict} ${name}${reason === '' ? '' : `: ${reason}`}\n`);
    }
  process.stdout.write(
    `${counts.ok} as they must be, ${counts['not ok']} not, ${counts.skip} do not apply\n`,
  );
  if (counts['not ok'] > 0) process.exitCode = 1;
} finally {
  await compiled.close();
}
