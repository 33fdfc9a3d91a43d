import { expect, test } from '@jest/globals';
import { runLoad } from './run-load.ts';

const MB = 1024 * 1024;

test('clients of several users upload at once, beside slow requests: all finish, nothing is mixed, memory is bounded', async () => {
  const report = await runLoad({ clients: 5, files: 200, slow: 5, processes: 1 });
  for (const { failure, compared } of report.results)
    expect({ failure, compared }).toEqual({ failure: null, compared: 'equal' });
  expect(report.results).toHaveLength(5);
  expect(report.strays).toEqual([]);
  expect(report.failedPings).toBe(0);
  expect(report.latenciesMs.length).toBeGreaterThan(0);
  expect(report.serverPeakBytes).toBeLessThan(400 * MB);
}, 90_000);
