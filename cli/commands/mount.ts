import { resolve } from 'node:path';
import type { ErrorCode } from '../../core/model/errors.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { ApiPair } from '../../daemon/api.ts';
import type { CacheBounds, Config, DriveConfig } from '../../daemon/config.ts';
import { updateConfig, withEntry } from '../../daemon/config-file.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { parseRemote } from '../../daemon/remote-address.ts';
import { tellReady } from '../../daemon/supervised.ts';
import { parseSize } from '../../daemon/units.ts';
import { type Context, configOf, daemonOf, requireDaemon, usage, workshopOf } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count, printable } from '../format.ts';
import { parseDirection } from '../pair-flags.ts';
import { startDaemon } from './daemon.ts';
import { keepRemote } from './pair.ts';

export type MountFlags = {
  readonly direction?: string;
  readonly readOnly?: boolean;
  readonly foreground?: boolean;
  readonly fallback?: boolean;
  readonly allowOther?: boolean;
  readonly cacheLimit?: string;
  readonly keepFree?: string;
};

const MOUNT_WAIT_MS = 60_000;

function whatItDoes({ local, remote, mountBackend, direction }: ApiPair): string {
  if (direction === 'local-to-remote')
    return `${local} uploads to ${remote}, and shows nothing of what is there already (${direction})`;
  const what = mountBackend === 'folder' ? 'is kept in step with' : 'shows';
  return `${local} ${what} ${remote} (${direction})`;
}

function say(context: Context, pair: ApiPair): void {
  const { terminal } = context;
  if (pair.mountNote !== undefined)
    terminal.note(
      `ferry: ${pair.local} is a watched folder, not a mounted drive: ${pair.mountNote}`,
    );
  if (pair.putAside !== undefined)
    terminal.note(
      `ferry: files written into ${pair.local} while it was not mounted are now in ${pair.putAside}`,
    );
  terminal.text(printable(whatItDoes(pair)));
  if (pair.lastError !== null) terminal.note(`ferry: ${pair.lastError.message}`);
  const { name, local, remote, direction, mountBackend, mountNote } = pair;
  terminal.document({ name, mountPoint: local, remote, direction, mountBackend, mountNote });
}

/** A server that cannot be reached does not matter to a drive that was listed before. */
function isWorthShowing({ mountBackend, recordedEntries, pendingUploads }: ApiPair): boolean {
  return mountBackend !== undefined && recordedEntries + (pendingUploads ?? 0) > 0;
}

/** Waits until the daemon shows the drive and has listed the remote, or could not reach it. @throws what kept it from being shown */
async function waitUntilShown(
  context: Context,
  client: ControlClient,
  name: string,
): Promise<ApiPair> {
  const limit = AbortSignal.timeout(MOUNT_WAIT_MS);
  try {
    for await (const state of client.events(AbortSignal.any([context.signal, limit]))) {
      const drive = state.pairs.find((pair) => pair.name === name);
      const isListed = (drive?.lastRunAtMs ?? null) !== null || (drive?.lastError ?? null) !== null;
      if (drive?.lastError && !isWorthShowing(drive))
        throw new FerryError(drive.lastError.code as ErrorCode, drive.lastError.message);
      if (drive?.mountBackend !== undefined && isListed) return drive;
    }
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new FerryError(
      'MOUNT_UNAVAILABLE',
      `did not come up in ${MOUNT_WAIT_MS / 1000} s: see ferry log`,
      {
        path: name,
        cause: error,
      },
    );
  }
  throw new FerryError('DAEMON_NOT_RUNNING', 'the daemon ended: see ferry log');
}

async function inForeground(
  context: Context,
  config: Config,
  name: string,
  drive: DriveConfig,
): Promise<number> {
  const { driveSessionOf } = await import('../../daemon/daemon.ts');
  const session = driveSessionOf(await workshopOf(context), config, name, drive);
  const ended = new Promise<void>((resolvePromise) => {
    if (context.signal.aborted) resolvePromise();
    else context.signal.addEventListener('abort', () => resolvePromise(), { once: true });
  });
  session.start();
  try {
    await session.shown();
    if (!isWorthShowing(session.api)) await session.engine();
    tellReady();
    say(context, session.api);
    context.terminal.note('ferry: Ctrl-C unmounts');
    await ended;
    const pending = session.api.pendingUploads ?? 0;
    if (pending > 0)
      context.terminal.note(
        `ferry: ${count(pending, 'file')} not uploaded yet; they are kept and go on with the next mount`,
      );
  } finally {
    await session.close();
  }
  return EXIT.ok;
}

const OFF = 'off';

/** Returns what a flag says of a size; what it leaves out stays as it was. @throws CONFIG_INVALID */
function sizeFrom(
  before: number | undefined,
  text: string | undefined,
  flag: string,
): number | undefined {
  if (text === undefined) return before;
  if (text === OFF) return undefined;
  return text === '0' ? 0 : parseSize(text, flag);
}

/** Returns what bounds a drive's contents here; a drive that is known keeps what the flags leave out. */
function boundsFrom(before: CacheBounds | undefined, flags: MountFlags): CacheBounds {
  const cacheLimitBytes = sizeFrom(before?.cacheLimitBytes, flags.cacheLimit, '--cache-limit');
  const keepFreeBytes = sizeFrom(before?.keepFreeBytes, flags.keepFree, '--keep-free');
  if (cacheLimitBytes === 0) throw usage('--cache-limit: a drive needs room for what is read');
  return {
    ...(cacheLimitBytes === undefined ? {} : { cacheLimitBytes }),
    ...(keepFreeBytes === undefined ? {} : { keepFreeBytes }),
    ...(before?.restrictedPrograms === undefined
      ? {}
      : { restrictedPrograms: before.restrictedPrograms }),
    ...(before?.temporaryNames === undefined ? {} : { temporaryNames: before.temporaryNames }),
  };
}

/** `ferry mount REMOTE DIR`: shows the server's whole tree at DIR. */
export async function mount(
  context: Context,
  args: readonly string[],
  flags: MountFlags,
): Promise<number> {
  const [remoteText = '', directory = ''] = args;
  if (flags.readOnly && flags.direction !== undefined && flags.direction !== 'remote-to-local')
    throw usage('--read-only and --direction contradict each other');
  const mountPoint = resolve(context.cwd, directory);
  const config = await configOf(context);
  const [
    { addressText, driveNameFor, readDriveNote },
    { checkMountPoint, checkOutsideServed, checkRootsApart },
  ] = await Promise.all([import('../../daemon/drive-names.ts'), import('../../daemon/places.ts')]);
  checkMountPoint(mountPoint, config, context.cwd);
  const remote = await keepRemote(context, config, remoteText);
  const address = parseRemote(remote, config, context.cwd);
  checkRootsApart(mountPoint, address);
  checkOutsideServed(mountPoint, address);
  const place = { mountPoint, remote: addressText(address) };
  const { name, waiting } = driveNameFor(place, config, context.home);
  const drive: DriveConfig = {
    remote,
    mountPoint,
    direction: flags.readOnly ? 'remote-to-local' : parseDirection(flags.direction ?? 'two-way'),
    fallback: flags.fallback ?? false,
    ...(flags.allowOther ? { allowOthers: true } : {}),
    ...boundsFrom(config.drives.get(name) ?? readDriveNote(context.home, name)?.bounds, flags),
  };
  for (const { remote: other, pendingUploads } of waiting)
    context.terminal.note(
      `ferry: ${count(pendingUploads, 'file')} not uploaded to ${other} yet; they are kept and go on when it is mounted here again`,
    );
  if (flags.foreground) return inForeground(context, config, name, drive);
  if ((await daemonOf(context)) === null) await startDaemon(context);
  const client = await requireDaemon(context);
  // Whatever was shown there before makes room.
  const elsewhere = ({ drives }: Config) =>
    [...drives].filter(([, each]) => each.mountPoint !== mountPoint);
  let before: Config = config;
  await updateConfig(context.home, (now) => {
    before = now;
    return { ...now, drives: withEntry(new Map(elsewhere(now)), name, drive) };
  });
  try {
    await client.reload();
    say(context, await waitUntilShown(context, client, name));
  } catch (error) {
    // A drive that never came up is not tried again at every start.
    const displaced = [...before.drives].filter(([, each]) => each.mountPoint === mountPoint);
    await updateConfig(context.home, (now) => ({
      ...now,
      drives: new Map([...elsewhere(now), ...displaced]),
    }));
    await client.reload().catch(() => undefined);
    throw error;
  }
  return EXIT.ok;
}

/** `ferry unmount DIR`: takes the drive away; what was not uploaded yet is kept. */
export async function unmount(
  context: Context,
  args: readonly string[],
  flags: { readonly lazy?: boolean },
): Promise<number> {
  const mountPoint = resolve(context.cwd, args[0] ?? '');
  const config = await configOf(context);
  const [name] = [...config.drives].find(([, drive]) => drive.mountPoint === mountPoint) ?? [];
  if (name === undefined)
    throw new FerryError('CONFIG_INVALID', 'no drive is mounted there: ferry status', {
      path: mountPoint,
    });
  const client = await requireDaemon(context);
  const { pairs } = await client.state();
  const pending = pairs.find((pair) => pair.name === name)?.pendingUploads ?? 0;
  await client.command(name, 'unmount', { lazy: flags.lazy ?? false });
  if (pending > 0)
    context.terminal.note(
      `ferry: ${count(pending, 'file')} not uploaded yet; they are kept and go on with the next mount`,
    );
  context.terminal.text(printable(`unmounted ${mountPoint}`));
  context.terminal.document({ unmounted: mountPoint, pendingUploads: pending });
  return EXIT.ok;
}
