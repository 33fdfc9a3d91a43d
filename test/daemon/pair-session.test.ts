import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Observable, of } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { SILENT } from '../../daemon/log-file.ts';
import { PairSession, type PairSessionOptions } from '../../daemon/pair-session.ts';
import { NO_SCHEDULE } from '../../daemon/schedule.ts';
import type { ShownDrive } from '../../daemon/shown-drive.ts';
import { createFakeEngine, type FakeEngine, NOTHING_DONE } from './fake-engine.ts';

const FIXED = {
  name: 'docs',
  kind: 'folder',
  local: '/docs',
  remote: 'work',
  direction: 'two-way',
} as const;

const UNREACHABLE = new FerryError('REMOTE_UNREACHABLE', 'no route');

let engine: FakeEngine;
let session: PairSession;

function start(options: Partial<PairSessionOptions> = {}): void {
  session = new PairSession({
    fixed: FIXED,
    schedule: NO_SCHEDULE,
    open: async () => engine.opened,
    logger: SILENT,
    random: () => 0.5,
    ...options,
  });
  session.start();
}

function shown(pending$: Observable<number>): ShownDrive {
  const nothing = async () => undefined;
  return { mount: { mountBackend: 'fuse-native' }, pending$, release: nothing, close: nothing };
}

beforeEach(() => {
  jest.useFakeTimers();
  engine = createFakeEngine();
});
afterEach(async () => {
  const closing = session.close();
  await jest.advanceTimersByTimeAsync(1000);
  await closing;
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe('PairSession', () => {
  it('runs at its interval, and says when the next run is', async () => {
    start({ schedule: { ...NO_SCHEDULE, everyMs: 60_000 } });
    const now = Date.now();
    expect(session.api.nextRunAtMs).toBe(now + 60_000);
    await pass(181_000);
    expect(engine.requests.length).toBe(3);
    expect(session.api.nextRunAtMs).toBe(now + 240_000);
  });

  it('does nothing by itself without a schedule', async () => {
    start();
    await pass(3_600_000);
    expect(engine.requests.length).toBe(0);
  });

  it('runs once more for all changes that came during a run', async () => {
    start({ schedule: { ...NO_SCHEDULE, watch: true } });
    await pass(310);
    for (let change = 0; change < 5; change += 1) engine.hints$.next();
    expect(engine.requests.length).toBe(1);
    await pass(10_000);
    expect([engine.requests.length, engine.mostRunning]).toEqual([2, 1]);
  });

  it('gives everybody who asked a run of their own, one after the other', async () => {
    start();
    const both = Promise.all([session.sync({ allowDeletes: true }), session.sync()]);
    await pass(2000);
    await both;
    expect(engine.requests.map(({ allowDeletes }) => allowDeletes)).toEqual([true, undefined]);
    expect(engine.mostRunning).toBe(1);
  });

  it('survives a failing run and shows its error until a run goes well', async () => {
    start();
    engine.outcomes.push(new FerryError('GUARD_STOPPED', 'would delete 40 of 50'));
    const failing = expect(session.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    await pass(1000);
    await failing;
    expect(session.api.lastError?.code).toBe('GUARD_STOPPED');
    const good = session.sync();
    await pass(1000);
    await good;
    expect(session.api.lastError).toBeNull();
  });

  it('names a path in an error once, and none where it is the root', async () => {
    start();
    for (const [path, message, shown] of [
      ['a/b', 'is held', 'a/b: is held'],
      ['/mnt', '/mnt is not empty', '/mnt is not empty'],
      ['', 'nothing listens there', 'nothing listens there'],
    ] as const) {
      engine.outcomes.push(new FerryError('LOCAL_IO', message, { path }));
      const failing = session.sync().catch(() => undefined);
      await pass(1000);
      await failing;
      expect(session.api.lastError?.message).toBe(shown);
    }
  });

  it('shows what an earlier process left until the records are open', async () => {
    const recorded = { conflicts: 2, recordedEntries: 40 };
    const lastRun = { atMs: Date.now() - 50_000, summary: null, error: UNREACHABLE, recorded };
    start({ schedule: { ...NO_SCHEDULE, everyMs: 60_000 }, lastRun, catchUp: true });
    expect(session.api).toMatchObject({ ...recorded, lastError: { code: 'REMOTE_UNREACHABLE' } });
    await pass(11_000);
    expect([engine.requests.length, session.api.conflicts]).toEqual([1, 0]);
  });

  it('does not show an old error as its own where it runs at once', () => {
    const lastRun = { atMs: 0, summary: null, error: UNREACHABLE };
    start({ schedule: { ...NO_SCHEDULE, watch: true }, lastRun });
    expect(session.api.lastError).toBeNull();
  });

  it('is pending while a drive has files to upload, also before it reached the server', async () => {
    engine.outcomes.push(UNREACHABLE);
    start({ fixed: { ...FIXED, kind: 'drive' }, show: async () => shown(of(3)) });
    await pass(1000);
    expect(session.api).toMatchObject({ inSync: 'pending', pendingUploads: 3 });
  });

  it('shows a drive before the other side is reached, and takes it away at the end', async () => {
    const closed: string[] = [];
    start({
      fixed: { ...FIXED, kind: 'drive' },
      show: async () => ({ ...shown(of(0)), close: async () => void closed.push('drive') }),
      open: () => Promise.reject(UNREACHABLE),
    });
    await pass(1000);
    expect(session.api).toMatchObject({
      mountBackend: 'fuse-native',
      lastError: { code: 'REMOTE_UNREACHABLE' },
    });
    await session.close();
    expect(closed).toEqual(['drive']);
  });

  it('takes a drive away also when its records cannot be closed', async () => {
    const closed: string[] = [];
    const full = new FerryError('LOCAL_NO_SPACE', 'no room');
    start({
      fixed: { ...FIXED, kind: 'drive' },
      show: async () => ({ ...shown(of(0)), close: async () => void closed.push('drive') }),
      open: async () => ({ ...engine.opened, close: () => Promise.reject(full) }),
      schedule: { ...NO_SCHEDULE, onStart: true },
    });
    await pass(1000);
    await expect(session.close()).rejects.toBe(full);
    expect(closed).toEqual(['drive']);
  });

  it('tries an unreachable remote again with growing delays, beside its interval', async () => {
    engine.outcomes.push(UNREACHABLE, UNREACHABLE, UNREACHABLE);
    start({ schedule: { ...NO_SCHEDULE, onStart: true, everyMs: 3_600_000 } });
    await pass(500);
    expect(engine.requests.length).toBe(1);
    await pass(5500);
    expect(engine.requests.length).toBe(2);
    await pass(5500);
    expect(engine.requests.length).toBe(2);
    await pass(5000);
    expect(engine.requests.length).toBe(3);
    await pass(3_600_000);
    expect(engine.requests.length).toBe(5);
  });

  it('tries to open again when the first time failed', async () => {
    let tries = 0;
    start({
      schedule: { ...NO_SCHEDULE, onStart: true },
      open: async () => {
        tries += 1;
        if (tries === 1) throw UNREACHABLE;
        return engine.opened;
      },
    });
    await pass(500);
    expect(session.api.lastError?.code).toBe('REMOTE_UNREACHABLE');
    await pass(6000);
    expect([tries, engine.requests.length]).toEqual([2, 1]);
    expect(session.api.lastError).toBeNull();
  });

  it('goes on later with what a run had to leave', async () => {
    const problem = {
      path: 'open.doc' as SyncPath,
      side: 'local',
      code: 'CHANGED',
      message: 'changed while it was read',
      retry: 'now',
    } as const;
    engine.outcomes.push({ ...NOTHING_DONE, problems: [problem], complete: false });
    start({ schedule: { ...NO_SCHEDULE, onStart: true } });
    await pass(500);
    expect(session.api.problems).toBe(1);
    await pass(6000);
    expect([engine.requests.length, session.api.problems]).toEqual([2, 0]);
  });

  it('rests while paused, runs when asked, and catches up on resume', async () => {
    start({ schedule: { ...NO_SCHEDULE, everyMs: 60_000 }, pause: { untilMs: null } });
    await pass(600_000);
    expect([engine.requests.length, session.api.nextRunAtMs]).toEqual([0, null]);
    const asked = session.sync();
    await pass(1000);
    await asked;
    expect(engine.requests.length).toBe(1);
    await session.setPause(undefined);
    await pass(1000);
    expect([engine.requests.length, session.api.paused]).toEqual([2, false]);
  });

  it('says when a pause with an end is over, and not before', async () => {
    let ends = 0;
    start({
      pause: { untilMs: Date.now() + 7_200_000 },
      onPauseOver: () => {
        ends += 1;
      },
    });
    await pass(7_199_000);
    expect(ends).toBe(0);
    await pass(2000);
    expect(ends).toBe(1);
  });

  it('cancels the run and those that wait, and can run again', async () => {
    engine.runMs = 60_000;
    start();
    const both = Promise.allSettled([session.sync(), session.sync()]);
    await pass(100);
    await session.cancel();
    const codes = (await both).map((each) => each.status === 'rejected' && each.reason.code);
    expect(codes).toEqual(['ABORTED', 'ABORTED']);
    expect([session.api.running, session.api.lastError]).toEqual([false, null]);
    const again = session.sync();
    await pass(61_000);
    await again;
    expect(session.api.inSync).toBe('in-sync');
  });

  it('keeps what the last run did over a dry run', async () => {
    engine.outcomes.push({ ...NOTHING_DONE, uploaded: 4 }, { ...NOTHING_DONE, dryRun: true });
    start();
    const both = Promise.all([session.sync(), session.sync({ dryRun: true })]);
    await pass(2000);
    await both;
    expect(session.api.lastRun?.uploaded).toBe(4);
  });

  it('closes only after the run has ended', async () => {
    start();
    const run = session.sync().catch((error: FerryError) => error.code);
    await pass(50);
    const closing = session.close();
    await pass(1);
    await closing;
    expect([await run, engine.running, engine.closed]).toEqual(['ABORTED', 0, true]);
  });
});
