import { type Configuration, PLAIN_CONFIGURATION } from './configuration.ts';
import type { Shrunk } from './shrink.ts';

/** Returns a value as TypeScript source. */
function source(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Set) return `new Set(${source([...value])})`;
  if (Array.isArray(value)) return `[${value.map(source).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return `${JSON.stringify(value)}`;
  const fields = Object.entries(value).map(([key, field]) => `${key}: ${source(field)}`);
  return `{ ${fields.join(', ')} }`;
}

/** What was only needed to draw the events. */
const DRAWING = new Set([
  'names',
  'maxDepth',
  'rounds',
  'faults',
  'faultsPerRun',
  'changesDirection',
  'resets',
]);

function differences(configuration: Configuration): string {
  const fields = Object.entries(configuration).filter(
    ([key, value]) =>
      !DRAWING.has(key) &&
      source(value) !== source(PLAIN_CONFIGURATION[key as keyof Configuration]),
  );
  const written = fields.map(([key, value]) => `${key}: ${source(value)}`).join(', ');
  return fields.length === 0 ? 'PLAIN_CONFIGURATION' : `{ ...PLAIN_CONFIGURATION, ${written} }`;
}

/** Returns a jest test that plays the schedule, for `test/regress/`. */
export function regressionTest(
  seed: number,
  { configuration, events, violations }: Shrunk,
): string {
  const lines = events.map((event) => `    ${source(event)},`).join('\n');
  return `import { expect, test } from '@jest/globals';
import { PLAIN_CONFIGURATION } from '../simulation/configuration.ts';
import { given, play } from '../simulation/play.ts';

// ${violations.join('\n// ')}
test('SAY WHAT MUST HOLD (seed ${seed})', async () => {
  const { violations } = await play(
    ${differences(configuration)},
    given([
${lines}
    ]),
  );
  expect(violations).toEqual([]);
});
`;
}

const COLUMNS = ['local ', 'remote ', 'store '];
const COLUMN_WIDTH = 44;

/** Returns what happened as a timeline: one column for each side and one for the records, all else across. */
export function timeline(lines: readonly string[]): string {
  const drawn = lines.map((line) => {
    const column = COLUMNS.findIndex((beginning) => line.startsWith(beginning));
    if (column < 0) return line.startsWith('--') ? line : `* ${line}`;
    return `${' '.repeat(2 + column * COLUMN_WIDTH)}${line.slice(COLUMNS[column]?.length)}`;
  });
  const heading = COLUMNS.map((name) => name.padEnd(COLUMN_WIDTH)).join('');
  return [`  ${heading.trimEnd()}`, ...drawn].join('\n');
}
