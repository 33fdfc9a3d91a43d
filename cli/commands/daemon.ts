import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FerryError } from '../../core/model/errors.ts';
import type { ApiPair } from '../../daemon/api.ts';
import { makeStateDirectory } from '../../daemon/atomic-file.ts';
import { supervisionOf, tellReady } from '../../daemon/supervised.ts';
import { type Context, daemonOf, requireDaemon, workshopOf } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count } from '../format.ts';
import { programFile } from '../program-file.ts';
import { readVersion } from '../version.ts';

const START_WAIT_MS = 15_000;
const DRIVES_WAIT_MS = 10_000;
const STOP_WAIT_MS = 330_000;
const LOOK_MS = 50;

function stderrFileOf(context: Context): string {
  return `${context.home.logFile}.stderr`;
}

/** `ferry daemon start`. */
export async function start(context: Context): Promise<number> {
  await startDaemon(context);
  const { version, pid, pairs } = await (await requireDaemon(context)).state();
  context.terminal.document({ running: true, version, pid, pairs: pairs.length });
  return EXIT.ok;
}

/** Starts the daemon unless it runs; returns when it answers and drives are shown. @throws DAEMON_NOT_RUNNING */
export async function startDaemon(context: Context): Promise<void> {
  const running = await daemonOf(context);
  if (running !== null) {
    const { pid } = await running.state();
    context.terminal.note(`ferry: the daemon runs already (pid ${pid})`);
    return;
  }
  const { cwd, configFile, home } = context;
  await makeStateDirectory(dirname(home.logFile));
  const stderr = openSync(stderrFileOf(context), 'w', 0o600);
  const child = spawn(
    process.execPath,
    [programFile(), ...(configFile === undefined ? [] : ['--config', configFile]), 'daemon', 'run'],
    {
      cwd,
      detached: true,
      stdio: ['ignore', 'ignore', stderr],
      // A drive's own file work must not starve behind the four threads that Node has by default.
      env: { ...context.environment, UV_THREADPOOL_SIZE: '16' },
    },
  );
  closeSync(stderr);
  let exitCode: number | null = null;
  child.once('exit', (code) => {
    exitCode = code ?? EXIT.error;
  });
  child.once('error', () => {
    exitCode = EXIT.error;
  });
  child.unref();
  for (let waitedMs = 0; waitedMs < START_WAIT_MS && exitCode === null; waitedMs += LOOK_MS) {
    if ((await daemonOf(context)) !== null) {
      context.terminal.note(`ferry: the daemon was started (pid ${child.pid})`);
      await waitForDrives(context);
      return;
    }
    await sleep(LOOK_MS);
  }
  const said = readFileSync(stderrFileOf(context), 'utf8').trim().split('\n').at(-1) ?? '';
  throw new FerryError(
    'DAEMON_NOT_RUNNING',
    `the daemon did not start: ${said === '' ? `it ended with ${exitCode} and said nothing` : said.replace(/^ferry: /, '')} (log: ${home.logFile})`,
  );
}

/** Returns when every drive is shown, or says why one is not; some may need longer than anybody wants to wait. */
async function waitForDrives(context: Context): Promise<void> {
  const client = await daemonOf(context);
  if (client === null) return;
  const limit = AbortSignal.any([context.signal, AbortSignal.timeout(DRIVES_WAIT_MS)]);
  const isSettled = ({ kind, mountBackend, lastError }: ApiPair) =>
    kind !== 'drive' || mountBackend !== undefined || lastError !== null;
  let pairs: readonly ApiPair[] = [];
  try {
    for await (const state of client.events(limit)) {
      pairs = state.pairs;
      if (pairs.every(isSettled)) break;
    }
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  for (const { name, kind, mountBackend, lastError } of pairs)
    if (kind === 'drive' && mountBackend === undefined)
      context.terminal.note(
        `ferry: the drive ${name} is not shown yet${lastError === null ? '' : `: ${lastError.message}`}`,
      );
}

/** `ferry daemon stop`: returns when runs have ended, drives are unmounted and records closed. */
export async function stop(context: Context): Promise<number> {
  const client = await requireDaemon(context);
  const { pid, pairs } = await client.state();
  const pending = pairs.reduce((sum, { pendingUploads = 0 }) => sum + pendingUploads, 0);
  if (pending > 0)
    context.terminal.note(
      `ferry: ${count(pending, 'file')} of drives not uploaded yet; they are kept and go on at the next start`,
    );
  await client.shutdown();
  for (let waitedMs = 0; waitedMs < STOP_WAIT_MS; waitedMs += LOOK_MS) {
    if (!isAlive(pid)) {
      context.terminal.note('ferry: the daemon was stopped');
      context.terminal.document({ running: false, pendingUploads: pending });
      return EXIT.ok;
    }
    if (context.signal.aborted) return EXIT.interrupted;
    await sleep(LOOK_MS);
  }
  throw new FerryError('LOCAL_BUSY', `the daemon (pid ${pid}) is still ending: see ferry log`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** `ferry daemon status`. */
export async function status(context: Context): Promise<number> {
  const client = await requireDaemon(context);
  const { version, pid, pairs, supervisor } = await client.state();
  context.terminal.document({ running: true, version, pid, pairs: pairs.length, supervisor });
  context.terminal.text(
    `the daemon runs (pid ${pid}, version ${version}) with ${count(pairs.length, 'pair')}`,
  );
  return EXIT.ok;
}

/** `ferry daemon run`: the daemon itself, in the foreground; for service units. */
export async function run(context: Context): Promise<number> {
  const [{ runDaemon }, log, { systemClock }] = await Promise.all([
    import('../../daemon/run-daemon.ts'),
    import('../../daemon/log-file.ts'),
    import('../../daemon/system-clock.ts'),
  ]);
  const { FERRY_LOG_LEVEL } = context.environment;
  const level = context.verbose ? 'debug' : log.logLevelOf(FERRY_LOG_LEVEL);
  const file = log.openLogFile(context.home.logFile, level);
  const logger = log.createLogger(file, systemClock.now);
  const hurry = new AbortController();
  // The first signal ends gracefully (context.signal); another one does not wait for the last runs.
  context.signal.addEventListener('abort', () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => hurry.abort());
  });
  process.on('unhandledRejection', (reason) => logger.error('unhandled rejection', { reason }));
  try {
    for (const { pid, how } of supervisionOf(context.environment)?.crashes.slice(-1) ?? [])
      logger.error('the daemon ended unexpectedly and was started again', { before: pid, how });
    await runDaemon({
      workshop: await workshopOf(context, logger),
      version: readVersion(),
      stop: context.signal,
      hurry: hurry.signal,
      onReady: () => {
        tellReady();
        context.terminal.note('ferry: the daemon is ready');
      },
    });
    return EXIT.ok;
  } catch (error) {
    logger.error('daemon ended', { error });
    throw error;
  } finally {
    file.close();
  }
}
