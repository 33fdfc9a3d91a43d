import { access, constants, readFile, statfs } from 'node:fs/promises';
import { toFerryError } from '../../core/model/errors.ts';
import { makePrivateDirectory } from '../../daemon/home.ts';
import { type Context, configOf, daemonOf, workshopOf } from '../context.ts';
import { crashWords } from '../crash-words.ts';
import { EXIT } from '../exit-codes.ts';
import { formatBytes, formatTable } from '../format.ts';
import { mountNote } from './mount-notes.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly message: string;
}

const MIN_WATCHES = 65_536;
const MIN_FREE_BYTES = 1_000_000_000;
const REMOTE_WAIT_MS = 10_000;

async function checkNode(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    check: 'node',
    ok,
    message: `${process.versions.node}${ok ? '' : ': Ferry needs 20.19 or newer'}`,
  };
}

async function checkDrive(context: Context): Promise<Finding> {
  const { parts } = await workshopOf(context);
  const found = await parts.isMountAvailable();
  return {
    check: 'drive',
    ok: found.available,
    message: found.available
      ? 'drives can be mounted'
      : `${found.reason} (until then ferry mount keeps a folder in step instead)`,
  };
}

async function checkWatches(): Promise<Finding> {
  const file = '/proc/sys/fs/inotify/max_user_watches';
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null)
    return { check: 'watching', ok: true, message: 'this system has no limit to check' };
  const limit = Number(text);
  const ok = limit >= MIN_WATCHES;
  return {
    check: 'watching',
    ok,
    message: `${limit} folders can be watched${ok ? '' : ': sudo sysctl fs.inotify.max_user_watches=524288'}`,
  };
}

async function checkHome(context: Context): Promise<Finding> {
  const { stateDirectory } = context.home;
  await makePrivateDirectory(stateDirectory);
  await access(stateDirectory, constants.W_OK);
  const { bavail, bsize } = await statfs(stateDirectory);
  const free = bavail * bsize;
  const ok = free >= MIN_FREE_BYTES;
  return {
    check: 'state',
    ok,
    message: `${stateDirectory}, ${formatBytes(free)} free${ok ? '' : ': make room'}`,
  };
}

async function checkDaemon(context: Context): Promise<Finding> {
  const client = await daemonOf(context);
  const { pairs, drives } = await configOf(context);
  const state = client === null ? null : await client.state();
  const crashes = crashWords(context.home, state, Date.now());
  const message =
    state === null
      ? 'not running: schedules and drives rest; ferry daemon start'
      : `running (pid ${state.pid})`;
  return {
    check: 'daemon',
    ok: crashes === null && (state !== null || pairs.size + drives.size === 0),
    message: crashes ?? message,
  };
}

/** How each drive that is shown now is. */
async function checkShown(context: Context): Promise<readonly Finding[]> {
  const client = await daemonOf(context);
  const pairs = client === null ? [] : (await client.state()).pairs;
  return pairs.flatMap((pair) => {
    const note = mountNote(pair);
    return note === null ? [] : [{ check: `drive ${pair.name}`, ok: true, message: note }];
  });
}

async function checkRemote(context: Context, name: string): Promise<Finding> {
  const check = `remote ${name}`;
  const { openRemote } = await import('../../daemon/open-replicas.ts');
  const replica = await openRemote(await workshopOf(context), await configOf(context), name, {
    name: 'doctor',
    direction: 'remote-to-local',
  });
  try {
    await replica.identify({ signal: AbortSignal.timeout(REMOTE_WAIT_MS) });
    return { check, ok: true, message: 'answers' };
  } finally {
    await replica.close();
  }
}

/** `ferry doctor`: looks at what Ferry needs, and says for each thing that is missing what to do. */
export async function run(context: Context): Promise<number> {
  const { terminal } = context;
  const checks: (readonly [string, () => Promise<Finding>])[] = [
    ['node', checkNode],
    ['state', () => checkHome(context)],
    ['drive', () => checkDrive(context)],
    ['watching', checkWatches],
    ['daemon', () => checkDaemon(context)],
  ];
  try {
    for (const name of (await configOf(context)).remotes.keys())
      checks.push([`remote ${name}`, () => checkRemote(context, name)]);
  } catch (caught) {
    checks.push(['configuration', () => Promise.reject(caught)]);
  }
  const findings: Finding[] = [];
  for (const [check, look] of checks)
    try {
      findings.push(await look());
    } catch (caught) {
      const { message, path } = toFerryError(caught);
      findings.push({
        check,
        ok: false,
        message: path === undefined || message.includes(path) ? message : `${path}: ${message}`,
      });
    }
  findings.push(...(await checkShown(context).catch(() => [])));
  terminal.document(findings);
  terminal.text(
    formatTable(
      findings.map(({ check, ok, message }) => [ok ? 'ok' : 'ATTENTION', check, message]),
    ),
  );
  return findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.error;
}
