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

/** Returns a jest test that plays the schedule, for `test/regress/`. */
export function regressionTest(
  seed: number,
  { configuration, events, violations }: Shrunk,
): string {
  const lines = events.map((event) => `    ${source(event)},`).join('\n');
  return `import { expect, test } from '@jest/globals';
import { given, play } from '../simulation/play.ts';

// ${violations.join('\n// ')}
test('SAY WHAT MUST HOLD (seed ${seed})', async () => {
  const played = await play(
    ${source(configuration)},
    given([
${lines}
    ]),
  );
  expect(played.violations).toEqual([]);
});
`;
}
