import { describe, expect, test } from '@jest/globals';
import { type Configuration, PLAIN_CONFIGURATION } from '../simulation/configuration.ts';
import type { ScheduleEvent } from '../simulation/events.ts';
import { given, play } from '../simulation/play.ts';

/** Plays the events, then calm, and expects that nothing is wrong. */
async function expectNothingWrong(
  events: readonly ScheduleEvent[],
  configuration: Partial<Configuration> = {},
): Promise<void> {
  const played = await play({ ...PLAIN_CONFIGURATION, ...configuration }, given(events));
  expect(played.violations).toEqual([]);
}

describe('schedules that the simulation has found', () => {
  test('a file that was moved and got another time has that time on both sides', async () => {
    await expectNothingWrong([
      { do: 'write', side: 'remote', path: 'b', text: 'R01.' },
      { do: 'sync' },
      { do: 'move', side: 'local', path: 'b', to: 'a' },
      { do: 'touch', side: 'local', path: 'a' },
    ]);
  });

  test('an edit within the second of the last one is not missed when the file is moved, too', async () => {
    await expectNothingWrong(
      [
        { do: 'write', side: 'remote', path: 'a', text: 'R01.' },
        { do: 'sync' },
        { do: 'write', side: 'remote', path: 'a', text: 'R02.' },
        { do: 'move', side: 'remote', path: 'a', to: 'b' },
      ],
      { traits: { ...PLAIN_CONFIGURATION.traits, hashes: false, mtimePrecisionNs: null } },
    );
  });

  test('the record of a file that took the place of a moved one says what is there', async () => {
    await expectNothingWrong(
      [
        { do: 'write', side: 'local', path: 'd/b', text: 'L01.' },
        { do: 'sync' },
        { do: 'move', side: 'local', path: 'd', to: 'c' },
        { do: 'save', side: 'local', path: 'c/b', text: 'L02.' },
        { do: 'same', side: 'local', path: 'd/b' },
      ],
      { traits: { ...PLAIN_CONFIGURATION.traits, identities: false } },
    );
  });

  test('after a reset whose new records could not be opened, the next run goes on', async () => {
    await expectNothingWrong([
      { do: 'write', side: 'remote', path: 'a', text: 'R01.' },
      { do: 'sync' },
      { do: 'fail', code: 'LOCAL_IO', at: 6 },
      { do: 'reset' },
      { do: 'sync' },
    ]);
  });

  test('a reset that was cut off before it replaced the records leaves no second ones', async () => {
    await expectNothingWrong([
      { do: 'write', side: 'remote', path: 'a', text: 'R01.' },
      { do: 'sync' },
      { do: 'kill', after: true, at: 1 },
      { do: 'reset' },
    ]);
  });
});
