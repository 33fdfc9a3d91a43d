import { afterEach, describe, expect, test } from '@jest/globals';
import { status } from '../support/servers/wire/statuses.ts';
import type { WireWorld } from '../support/wire-world.ts';
import { editedWorld } from './wire-suite.ts';

const TIMEOUT_MS = 30_000;
const HALF_A_MINUTE_MS = 30_000;

let world: WireWorld | null = null;

afterEach(async () => {
  await world?.close();
  world = null;
}, TIMEOUT_MS);

async function opened(): Promise<WireWorld> {
  world = await editedWorld({});
  return world;
}

/** Runs every half minute for twelve minutes and returns how often the file was sent. */
async function sentInTwelveMinutes(at: WireWorld, path: string, code: number): Promise<number> {
  let sent = 0;
  for (let run = 0; run < 24; run++) {
    await at.sync(status({ method: 'PUT', path }, code));
    sent += at.server.passed.filter((one) => one.method === 'PUT' && one.path === path).length;
    at.later(HALF_A_MINUTE_MS);
  }
  return sent;
}

describe('a file that fails in every run', () => {
  test.each([
    ['refused for good (403)', 403, 5],
    ['locked (423)', 423, 8],
    ['never as expected (412)', 412, 32],
  ])(
    '%s is sent less and less often by runs every half minute',
    async (_name, code, most) => {
      const at = await opened();
      const sent = await sentInTwelveMinutes(at, 'big-here.bin', code);
      expect(sent).toBeGreaterThan(2);
      expect(sent).toBeLessThanOrEqual(most);
      const { summary } = await at.sync(status({ method: 'PUT', path: 'big-here.bin' }, code));
      const [problem] = summary?.problems ?? [];
      expect(problem?.path).toBe('big-here.bin');
      expect(problem?.retryAtMs).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  test(
    'is sent at once when somebody asks for a run, and when it was edited',
    async () => {
      const at = await opened();
      const refusing = status({ method: 'PUT', path: 'docs/notes.txt' }, 403);
      await at.sync(refusing);
      await at.sync(refusing);
      expect(at.transferred).toEqual([]);
      await at.sync(refusing, { automatic: false });
      expect(at.server.passed.filter(({ method }) => method === 'PUT')).toHaveLength(1);
      await at.write('local', 'docs/notes.txt', 'edited once more');
      const { summary } = await at.sync();
      expect(summary).toMatchObject({ uploaded: 1, problems: [] });
    },
    TIMEOUT_MS,
  );

  test(
    'is sent once in a run, although others make the run plan anew',
    async () => {
      const at = await opened();
      const locked = status({ method: 'PUT', path: 'big-here.bin' }, 423);
      const changing = status({ method: 'PUT', path: 'docs/notes.txt' }, 412);
      await at.sync({
        strikes: (exchange) => locked.strikes(exchange) || changing.strikes(exchange),
        strike: (exchange) =>
          (exchange.path === 'big-here.bin' ? locked : changing).strike(exchange),
      });
      const sent = at.server.passed.filter(
        ({ method, path }) => method === 'PUT' && path === 'big-here.bin',
      );
      expect(sent).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});
