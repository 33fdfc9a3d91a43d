import { describe, expect, it } from '@jest/globals';
import { judge, type Obeys, type SideLook } from '../../../core/engine/entry-state.ts';

const TWO_WAY: Obeys = { direction: 'two-way', deletes: 'propagate', mirror: false };

describe('what an entry is to a two-way pair', () => {
  it.each<[SideLook, SideLook, boolean, string, string]>([
    ['as-recorded', 'as-recorded', true, 'in-sync', 'as the last run left them'],
    ['changed', 'as-recorded', true, 'pending', 'changed locally'],
    ['as-recorded', 'touched', true, 'pending', 'changed on the remote side'],
    ['changed', 'changed', true, 'pending', 'keeps both if they differ'],
    ['absent', 'as-recorded', true, 'pending', 'does the same on the remote side'],
    ['absent', 'changed', true, 'pending', 'brings it back'],
    ['absent', 'absent', true, 'pending', 'forgets it'],
    ['new', 'absent', false, 'pending', 'new locally'],
    ['new', 'new', false, 'pending', 'not compared yet'],
    ['absent', 'absent', false, 'unknown', 'not recorded'],
    ['as-recorded', 'not-seen', true, 'pending', 'the remote side could not be asked'],
    ['absent', 'not-seen', false, 'unknown', 'the remote side could not be asked'],
  ])('local %s, remote %s, recorded %s: %s', (local, remote, isRecorded, state, text) => {
    const judged = judge({ local, remote }, isRecorded, TWO_WAY);
    expect(judged).toEqual({ state, text: expect.stringContaining(text) });
  });

  it('is that a deletion does not travel where the pair keeps what is deleted', () => {
    const looks = { local: 'absent', remote: 'as-recorded' } as const;
    expect(judge(looks, true, { ...TWO_WAY, deletes: 'keep' }).state).toBe('removed-here');
  });
});

describe.each([
  ['remote-to-local', 'remote'],
  ['local-to-remote', 'local'],
] as const)('what an entry is to a %s pair', (direction, master) => {
  const at = (given: SideLook, taken: SideLook) =>
    master === 'local' ? { local: given, remote: taken } : { local: taken, remote: given };

  it.each<[SideLook, SideLook, boolean, string, string]>([
    ['as-recorded', 'as-recorded', true, 'in-sync', 'in-sync'],
    ['as-recorded', 'changed', true, 'changed-here', 'pending'],
    ['as-recorded', 'absent', true, 'removed-here', 'pending'],
    ['changed', 'as-recorded', true, 'pending', 'pending'],
    ['changed', 'changed', true, 'pending', 'pending'],
    ['absent', 'as-recorded', true, 'pending', 'pending'],
    ['absent', 'changed', true, 'only-here', 'pending'],
    ['absent', 'new', false, 'only-here', 'pending'],
    ['new', 'absent', false, 'pending', 'pending'],
    ['new', 'new', false, 'pending', 'pending'],
    ['absent', 'absent', false, 'unknown', 'unknown'],
  ])(
    'master %s, destination %s, recorded %s: %s (mirror: %s)',
    (given, taken, isRecorded, plain, mirrored) => {
      const obeys = { direction, deletes: 'propagate', mirror: false } as const;
      expect(judge(at(given, taken), isRecorded, obeys).state).toBe(plain);
      expect(judge(at(given, taken), isRecorded, { ...obeys, mirror: true }).state).toBe(mirrored);
    },
  );
});
