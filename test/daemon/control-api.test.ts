import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseSyncPath } from '../../core/model/path.ts';
import type { ApiState } from '../../daemon/api.ts';
import { EMPTY_CONFIG, PAIR_DEFAULTS, type PairConfig } from '../../daemon/config.ts';
import { loadConfig, updateConfig } from '../../daemon/config-file.ts';
import {
  type ControlClient,
  connectDaemon,
  createControlClient,
} from '../../daemon/control-client.ts';
import type { Workshop } from '../../daemon/open-replicas.ts';
import { runDaemon } from '../../daemon/run-daemon.ts';
import { NO_SCHEDULE } from '../../daemon/schedule.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { createMemoryParts, type MemoryParts, memoryWorkshop } from './memory-parts.ts';

const URL_OF_REMOTE = 'http://127.0.0.1:9/dav/';
const bytes = (text: string) => new TextEncoder().encode(text);
const path = parseSyncPath;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let local: string;
let parts: MemoryParts;
let workshop: Workshop;
let client: ControlClient;
let stop: AbortController;
let ended: Promise<void> | null;

async function start(): Promise<void> {
  stop = new AbortController();
  await new Promise<void>((onReady, reject) => {
    ended = runDaemon({
      workshop,
      version: '1.2.3',
      stop: stop.signal,
      hurry: stop.signal,
      onReady: () => onReady(),
    });
    ended.catch(reject);
  });
  client = createControlClient(workshop.home.socketPath);
}

async function end(): Promise<void> {
  stop.abort();
  await ended;
  ended = null;
}

async function addPair(name: string, change: Partial<PairConfig> = {}): Promise<void> {
  const pair: PairConfig = {
    ...PAIR_DEFAULTS,
    local,
    remote: URL_OF_REMOTE,
    schedule: NO_SCHEDULE,
    ...change,
  };
  await updateConfig(workshop.home, (config) => ({
    ...config,
    pairs: new Map(config.pairs).set(name, pair),
  }));
}

async function stateWhere(matches: (state: ApiState) => boolean): Promise<ApiState> {
  for await (const state of client.events(AbortSignal.timeout(5000)))
    if (matches(state)) return state;
  throw new Error('the daemon ended');
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-api');
  local = join(folder.path, 'local');
  await mkdir(local);
  parts = createMemoryParts();
  workshop = memoryWorkshop(folder.path, parts);
  ended = null;
});
afterEach(async () => {
  if (ended !== null) await end();
  await folder.close();
});

describe('the control API', () => {
  it('is a socket that only the user can open', async () => {
    await start();
    const { socketPath, runtimeDirectory } = workshop.home;
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    expect((await stat(runtimeDirectory)).mode & 0o777).toBe(0o700);
    expect(await client.state()).toEqual({ version: '1.2.3', pid: process.pid, pairs: [] });
  });

  it('runs a pair and answers with its summary', async () => {
    await addPair('docs');
    await start();
    parts.at(local).outside.write(path('a.txt'), bytes('hello'));
    const summary = await client.run('docs', 'sync', {});
    expect(summary).toMatchObject({ pair: 'docs', uploaded: 1, downloaded: 0, problems: [] });
    expect(parts.at(URL_OF_REMOTE).outside.read(path('a.txt'))).toEqual(bytes('hello'));
    const [pair] = (await client.state()).pairs;
    expect(pair).toMatchObject({ inSync: 'in-sync', running: false, lastRun: { uploaded: 1 } });
  });

  it('streams the state: first as it is, then every change', async () => {
    await addPair('docs');
    await start();
    const first = await stateWhere(() => true);
    expect(first.pairs[0]).toMatchObject({ name: 'docs', inSync: 'unknown', lastRunAtMs: null });
    await client.command('docs', 'sync', {});
    const later = await stateWhere(({ pairs }) => pairs[0]?.inSync === 'in-sync');
    expect(later.pairs[0]?.lastRunAtMs).toBeGreaterThan(0);
  });

  it('passes on what kept a run from going on, with its code', async () => {
    await addPair('docs');
    await start();
    parts.offline.add(URL_OF_REMOTE);
    await expect(client.run('docs', 'sync', {})).rejects.toMatchObject({
      code: 'REMOTE_UNREACHABLE',
      message: 'no route to host',
    });
    expect((await client.state()).pairs[0]?.lastError?.code).toBe('REMOTE_UNREACHABLE');
  });

  it.each([
    ['an unknown pair', 'nope', 'sync', {}, 'nope'],
    ['a direction that does not exist', 'docs', 'direction', { direction: 'up' }, 'direction'],
    ['a flag of the wrong kind', 'docs', 'sync', { yes: 'please' }, 'yes'],
    ['unmounting a pair of folders', 'docs', 'unmount', {}, 'not a drive'],
    ['a path outside the pair', 'docs', 'resolve', { paths: ['../x'], keep: 'both' }, '../x'],
  ] as const)('refuses %s and says why', async (_what, pair, command, body, message) => {
    await addPair('docs');
    await start();
    await expect(client.command(pair, command, body)).rejects.toThrow(message);
  });

  it('keeps a pause over a restart', async () => {
    await addPair('docs', { schedule: { ...NO_SCHEDULE, everyMs: 1000 } });
    await start();
    await client.command('docs', 'pause', {});
    expect((await client.state()).pairs[0]).toMatchObject({ paused: true, nextRunAtMs: null });
    await end();
    await start();
    expect((await client.state()).pairs[0]?.paused).toBe(true);
    await client.command('docs', 'resume');
    const state = await stateWhere(({ pairs }) => pairs[0]?.inSync === 'in-sync');
    expect(state.pairs[0]?.paused).toBe(false);
    expect(
      (await loadConfig(workshop.home, () => undefined)).pairs.get('docs')?.pause,
    ).toBeUndefined();
  });

  it('changes the direction, keeps the records, and writes it into the configuration', async () => {
    await addPair('docs');
    await start();
    parts.at(local).outside.write(path('a.txt'), bytes('hello'));
    await client.run('docs', 'sync', {});
    await client.command('docs', 'direction', { direction: 'remote-to-local' });
    const summary = await client.run('docs', 'sync', {});
    expect(summary).toMatchObject({ direction: 'remote-to-local', adopted: 0, downloaded: 0 });
    const { pairs } = await loadConfig(workshop.home, () => undefined);
    expect(pairs.get('docs')?.direction).toBe('remote-to-local');
  });

  it('previews a reset and then does it', async () => {
    await addPair('docs', { direction: 'remote-to-local' });
    await start();
    parts.at(URL_OF_REMOTE).outside.write(path('a.txt'), bytes('hello'));
    await client.run('docs', 'sync', {});
    expect(await client.previewReset('docs')).toMatchObject({ files: 1, bytes: 5 });
    const summary = await client.run('docs', 'reset', {});
    expect(summary.problems).toEqual([]);
    expect(summary.bytesReceived).toBe(5);
  });

  it('lists conflicts and settles one', async () => {
    await addPair('docs');
    await start();
    parts.at(local).outside.write(path('a.txt'), bytes('mine'));
    parts.at(URL_OF_REMOTE).outside.write(path('a.txt'), bytes('theirs'));
    const summary = await client.run('docs', 'sync', {});
    expect(summary.conflicts.length).toBe(1);
    const [conflict] = await client.conflicts('docs');
    expect(conflict?.path).toBe('a.txt');
    await client.resolveConflicts('docs', { paths: [path('a.txt')], keep: 'remote' });
    expect(await client.conflicts('docs')).toEqual([]);
    expect((await client.state()).pairs[0]?.conflicts).toBe(0);
  });

  it('follows the configuration when it is told to, and leaves other pairs alone', async () => {
    await addPair('docs');
    await start();
    await client.run('docs', 'sync', {});
    const before = (await client.state()).pairs[0]?.lastRunAtMs;
    const other = join(folder.path, 'other');
    await mkdir(other);
    await addPair('more', { local: other, remote: 'http://127.0.0.1:9/more/' });
    await client.reload();
    const { pairs } = await client.state();
    expect(pairs.map(({ name }) => name)).toEqual(['docs', 'more']);
    expect(pairs[0]).toMatchObject({ inSync: 'in-sync', lastRunAtMs: before });
    await updateConfig(workshop.home, () => EMPTY_CONFIG);
    await client.reload();
    expect((await client.state()).pairs).toEqual([]);
  });

  it('shows a drive as a watched folder where no mount is possible, with the reason', async () => {
    const mountPoint = join(folder.path, 'drive');
    const drive = {
      remote: URL_OF_REMOTE,
      mountPoint,
      direction: 'two-way',
      fallback: false,
    } as const;
    await updateConfig(workshop.home, (config) => ({
      ...config,
      drives: new Map([['drive', drive]]),
    }));
    parts.at(URL_OF_REMOTE).outside.write(path('far.txt'), bytes('far'));
    await start();
    const state = await stateWhere(({ pairs }) => pairs[0]?.inSync === 'in-sync');
    expect(state.pairs[0]).toMatchObject({ mountBackend: 'folder', mountNote: 'this is a test' });
    expect(parts.at(mountPoint).outside.read(path('far.txt'))).toEqual(bytes('far'));
    await client.command('drive', 'unmount', {});
    expect((await client.state()).pairs).toEqual([]);
    expect((await loadConfig(workshop.home, () => undefined)).drives.size).toBe(0);
  });
});

describe('the daemon', () => {
  it('lets a second one know that it is not alone', async () => {
    await start();
    const never = new AbortController().signal;
    const second = runDaemon({ workshop, version: '1', stop: never, hurry: never });
    await expect(second).rejects.toMatchObject({ code: 'RECORD_LOCKED' });
    expect((await client.state()).pid).toBe(process.pid);
  });

  it('takes the place of a dead one whose socket is still there', async () => {
    await start();
    await end();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(workshop.home.socketPath, '');
    await start();
    expect((await client.state()).version).toBe('1.2.3');
  });

  it('ends when it is asked to, and nobody answers afterwards', async () => {
    await start();
    await client.shutdown();
    await ended;
    ended = null;
    expect(await connectDaemon(workshop.home.socketPath)).toBeNull();
  });

  it('does the runs that are wanted at its end', async () => {
    await addPair('docs', { schedule: { ...NO_SCHEDULE, onExit: true } });
    await start();
    parts.at(local).outside.write(path('late.txt'), bytes('late'));
    await client.shutdown();
    await ended;
    ended = null;
    expect(parts.at(URL_OF_REMOTE).outside.read(path('late.txt'))).toEqual(bytes('late'));
  });

  it('notes the last run, so that it is known after a restart', async () => {
    await addPair('docs');
    await start();
    parts.at(local).outside.write(path('a.txt'), bytes('hello'));
    await client.run('docs', 'sync', {});
    await sleep(50);
    await end();
    await start();
    expect((await client.state()).pairs[0]?.lastRun?.uploaded).toBe(1);
    expect(await readdir(join(workshop.home.stateDirectory, 'pairs', 'docs'))).toContain(
      'last-run.json',
    );
  });
});
