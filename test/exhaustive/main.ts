import { DIRECTIONS } from '../../core/model/entry.ts';
import { checkUniverse } from './check-universe.ts';
import { UNIVERSES } from './universes.ts';

/** `npm run exhaustive [-- STRIDE]`: prints one line for each universe and direction; fails on any violation. */
const stride = Math.max(1, Number(process.argv[2] ?? 1));
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const total = { sequences: 0, runs: 0, cuts: 0, violations: 0 };

print(row(['world', 'direction', 'sequences', 'runs', 'cuts', 'violations']));
for (const universe of UNIVERSES) {
  const sequences = universe.sequences();
  total.sequences += sequences ?? 0;
  for (const direction of DIRECTIONS) {
    const { runs, cuts, violations, examples } = checkUniverse(universe, direction, stride);
    print(row([universe.title, direction, sequences ?? '-', runs, cuts, violations]));
    for (const example of examples) print(`  ${example}`);
    total.runs += runs;
    total.cuts += cuts;
    total.violations += violations;
  }
}
print(
  `${total.runs} runs, ${total.cuts} cuts, ${total.sequences} sequences of edits, ${total.violations} violations` +
    (stride === 1 ? '' : ` (every ${stride}th situation)`),
);
process.exitCode = total.violations === 0 ? 0 : 1;

function row([title, direction, ...counts]: readonly (string | number)[]): string {
  const columns = counts.map((count) => String(count).padStart(10)).join(' ');
  return `${String(title).padEnd(70)} ${String(direction).padEnd(15)} ${columns}`;
}
