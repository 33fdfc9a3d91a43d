import { describe, expect, it } from '@jest/globals';
import type { ApiHeldPlan, ApiPair, ApiState } from '../../daemon/api.ts';
import { ICON_STATES, iconStateOf, type MenuItem, trayMenu } from '../../tray/menu.ts';

const NOW = new Date('2026-11-21T12:10:00').getTime();
const clock = (text: string) => new Date(`2026-11-21T${text}:00`).getTime();

const IDLE: ApiPair = {
  name: 'docs',
  kind: 'folder',
  local: '/home/me/docs',
  remote: 'work',
  direction: 'two-way',
  paused: false,
  running: false,
  inSync: 'in-sync',
  progress: null,
  lastRunAtMs: clock('12:04'),
  nextRunAtMs: clock('12:19'),
  lastError: null,
  conflicts: 0,
  problems: 0,
  recordedEntries: 1234,
  resetting: false,
};

const DRIVE: ApiPair = { ...IDLE, name: 'work', kind: 'drive', local: '/mnt/work' };
const TRANSFER = {
  phase: 'transferring',
  filesDone: 3,
  filesTotal: 10,
  bytesDone: 1,
  bytesTotal: 2,
} as const;

const failed = (code: string): Partial<ApiPair> => ({ lastError: { code, message: 'because' } });
const stateOf = (...pairs: readonly ApiPair[]): ApiState => ({ version: '1', pid: 1, pairs });
const menuOf = (...changes: readonly Partial<ApiPair>[]) =>
  trayMenu(stateOf(...changes.map((change, n) => ({ ...IDLE, name: `p${n}`, ...change }))), NOW);

function flat(items: readonly MenuItem[]): readonly MenuItem[] {
  return items.flatMap((item) => [item, ...flat(item.items ?? [])]);
}

function find(items: readonly MenuItem[], id: string): MenuItem | undefined {
  return flat(items).find((item) => item.id === id);
}

const labels = (items: readonly MenuItem[] | undefined) => items?.map(({ label }) => label);

describe('the icon', () => {
  it.each([
    [{}, 'ok'],
    [{ running: true }, 'scanning'],
    [{ running: true, progress: TRANSFER }, 'syncing'],
    [{ paused: true }, 'paused'],
    [failed('REMOTE_UNREACHABLE'), 'offline'],
    [failed('REMOTE_UNAUTHORIZED'), 'signed-out'],
    [{ conflicts: 1 }, 'conflict'],
    [failed('GUARD_STOPPED'), 'error'],
    [{ ...failed('REMOTE_UNREACHABLE'), conflicts: 2 }, 'conflict'],
    [{ ...failed('REMOTE_UNREACHABLE'), running: true }, 'offline'],
  ] as const)('of %j is %s', (change, expected) => {
    expect(iconStateOf({ ...IDLE, ...change })).toBe(expected);
  });

  it('is that of the pair that is worst off', () => {
    const examples: Readonly<Record<string, Partial<ApiPair>>> = {
      error: failed('LOCAL_IO'),
      conflict: { conflicts: 1 },
      'signed-out': failed('REMOTE_UNAUTHORIZED'),
      offline: failed('REMOTE_UNREACHABLE'),
      paused: { paused: true },
      syncing: { running: true, progress: TRANSFER },
      scanning: { running: true },
      ok: {},
    };
    for (const [rank, state] of ICON_STATES.entries())
      for (const better of ICON_STATES.slice(rank))
        expect(menuOf(examples[better] ?? {}, examples[state] ?? {}).icon).toBe(state);
  });
});

describe('the status line', () => {
  it.each([
    [[{}], 'Up to date · last 12:04 · next 12:19'],
    [[{ nextRunAtMs: null }], 'Up to date · last 12:04'],
    [[{}, { inSync: 'pending' }], 'Changes are waiting · last 12:04 · next 12:19'],
    [[{ running: true, progress: TRANSFER }], 'Syncing · 3 of 10 files'],
    [[{ paused: true, pausedUntilMs: clock('14:00') }], 'Paused until 14:00'],
    [[{ paused: true }], 'Paused'],
    [[{ paused: true }, {}], 'p0: Paused'],
    [[{ paused: true }, {}, { paused: true }], '2 of 3: Paused'],
    [[{ conflicts: 2 }, { conflicts: 1 }], '3 conflicts need a decision'],
    [[failed('REMOTE_UNREACHABLE')], 'p0: cannot be reached, trying again'],
    [[failed('LOCAL_NO_SPACE')], 'p0: because'],
    [[], 'No folders or drives yet'],
  ] as const)('for %j', (changes, expected) => {
    const { items, tooltip } = menuOf(...(changes as readonly Partial<ApiPair>[]));
    expect(items[0]).toMatchObject({ id: 'status', label: expected, enabled: false });
    expect(tooltip).toBe(`Ferry: ${expected}`);
  });

  it('counts what a drive has still to upload, also while it is offline', () => {
    const offline = { ...DRIVE, pendingUploads: 28, ...failed('REMOTE_UNREACHABLE') };
    expect(trayMenu(stateOf(offline), NOW).items[0]?.label).toBe(
      'work: cannot be reached, trying again · 28 files to upload',
    );

    const { items } = trayMenu(stateOf({ ...DRIVE, inSync: 'pending', pendingUploads: 4 }), NOW);
    expect(items[0]?.label).toBe('4 files to upload');
  });
});

describe('the menu', () => {
  it('has its items in the order that users learn', () => {
    const { items } = trayMenu(
      stateOf({ ...IDLE, conflicts: 3, problems: 1 }, { ...DRIVE, conflicts: 0 }),
      NOW,
    );
    expect(labels(items)).toEqual([
      '3 conflicts need a decision',
      'Sync now',
      'Pause',
      '',
      'Open drive',
      'Open folder',
      'Conflicts (3)…',
      'Problems (1)…',
      '',
      'Direction',
      'Reset sync…',
      'Quit (the daemon keeps running)',
    ]);
  });

  it('hides conflicts and problems when there are none', () => {
    const ids = flat(menuOf({}).items).map(({ id }) => id);
    expect(ids).not.toContain('conflicts');
    expect(ids).not.toContain('problems');
  });

  it('offers Cancel for what runs, and Resume for what is paused', () => {
    const { items } = menuOf({ running: true }, {}, { paused: true });
    expect(find(items, 'cancel')?.action).toMatchObject({ pairs: ['p0'], command: 'cancel' });
    expect(find(items, 'resume')?.action).toMatchObject({ pairs: ['p2'], command: 'resume' });
    expect([find(items, 'sync'), find(items, 'pause')]).toEqual([undefined, undefined]);
  });

  it('pauses for a while, until tomorrow, or for good', () => {
    const bodies = find(menuOf({}).items, 'pause')?.items?.map(
      ({ action }) => action?.kind === 'command' && action.body,
    );
    expect(bodies).toEqual([
      { forMs: 1_800_000 },
      { forMs: 7_200_000 },
      { untilMs: new Date('2026-11-22T00:00:00').getTime() },
      undefined,
    ]);
  });

  it('shows the direction as radio items, and asks before it changes', () => {
    const choices =
      find(menuOf({ direction: 'remote-to-local' }).items, 'direction.p0')?.items ?? [];
    expect(choices.map(({ type, checked }) => [type, checked])).toEqual([
      ['radio', false],
      ['radio', true],
      ['radio', false],
    ]);
    expect(choices.map(({ confirm }) => confirm === undefined)).toEqual([false, true, false]);
    expect(choices[2]?.confirm).toContain('local folder becomes the master');
  });

  const heldPlan = (counts: Partial<ApiHeldPlan> = {}): Partial<ApiPair> => ({
    lastError: { code: 'GUARD_STOPPED', message: 'stopped' },
    heldPlan: {
      heldAtMs: NOW,
      deletions: 44,
      replacements: 0,
      conflicts: 0,
      message:
        '44 of 60 entries would be deleted on the remote. Nothing was changed. If that is right, run it once more',
      ...counts,
    },
  });

  it('releases what a guard has held, for once, and says first what that is', () => {
    const menu = menuOf(heldPlan(), {}).items;
    expect(find(menu, 'held')?.label).toBe('1 held plan: 44 deletions');
    const item = find(menu, 'release.p0');
    expect(item?.action).toMatchObject({ pairs: ['p0'], command: 'sync', body: { release: true } });
    expect(item?.confirm).toBe(
      'p0: 44 of 60 entries would be deleted on the remote.\n44 deletions. Do exactly this, once?',
    );
    expect(find(menu, 'drop-plan.p0')?.action).toMatchObject({ command: 'drop-plan' });
  });

  it('adds up what several held plans would do', () => {
    const other = heldPlan({ deletions: 1, replacements: 60, conflicts: 21 });
    expect(find(menuOf(heldPlan(), other).items, 'held')?.label).toBe(
      '2 held plans: 45 deletions, 60 replaced files, 21 conflicts',
    );
  });

  it('offers no way around a root that is not the right one', () => {
    const lost = { code: 'GUARD_STOPPED', message: 'its marker is gone; is the disk mounted?' };
    expect(find(menuOf({ lastError: lost }).items, 'held')).toBeUndefined();
  });

  it('asks before a reset, and says how much is recorded', () => {
    expect(find(menuOf({}).items, 'reset.p0')?.confirm).toContain('1234 entries');
  });

  it('says so when the daemon is not there', () => {
    const { icon, items } = trayMenu(null, NOW);
    expect(icon).toBe('offline');
    expect(items.map(({ id }) => id)).toEqual(['status', 'end', 'quit']);
  });

  it('holds to its limits for every state: unique ids, few items, short labels, an action for each click', () => {
    const long = 'x'.repeat(200);
    const changes: readonly Partial<ApiPair>[] = [
      {},
      { running: true, progress: TRANSFER },
      { paused: true },
      { conflicts: 9, problems: 9 },
      failed('REMOTE_UNAUTHORIZED'),
      { lastError: { code: 'LOCAL_IO', message: `${long}\n\u0007` } },
      { kind: 'drive', pendingUploads: 2 },
      heldPlan(),
    ];
    for (const first of changes)
      for (const second of changes) {
        const { items } = menuOf(first, second, { ...second, kind: 'drive' });
        const all = flat(items);
        expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
        expect(items.length).toBeLessThanOrEqual(14);
        for (const item of all) {
          expect(item.label.length).toBeLessThanOrEqual(60);
          expect(item.label).not.toMatch(/\p{Cc}/u);
          if (item.enabled && item.type !== 'submenu') expect(item.action).toBeDefined();
        }
      }
  });
});
