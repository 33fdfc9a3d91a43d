import { execFile } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import { makeMissing } from '../folder/make-missing.ts';
import { usersOf } from './mount-users.ts';
import { setAside } from './set-aside.ts';

const COMMAND_TIMEOUT_MS = 5_000;
/** What a dead mount answers comes at once. */
const HANG_MS = 500;
/** Of those who keep a mount busy. */
const SHOWN_USERS = 5;
/** As many times as a drive's process may have been killed since it was mounted. */
const MAX_LAYERS = 10_000;
const CONNECTIONS = '/sys/fs/fuse/connections';

/** A line of the kernel's list of mounts. */
export interface MountEntry {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** Minor device number: the name of the FUSE connection. */
  readonly minor: number;
}

/** Returns what is mounted at exactly this path, the topmost if there are several; null: nothing. */
export async function mountAt(mountPoint: string): Promise<MountEntry | null> {
  return (await mounts()).findLast((entry) => entry.mountPoint === mountPoint) ?? null;
}

async function mounts(): Promise<readonly MountEntry[]> {
  try {
    return parseMounts(await fs.readFile('/proc/self/mountinfo', 'utf8'));
  } catch {
    return []; // Not Linux: the backend finds out by itself.
  }
}

/** Parses `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function parseMounts(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , device = '', , mountPoint] = left.split(' ');
    const [type, source] = right.split(' ');
    if (mountPoint === undefined || type === undefined || source === undefined) continue;
    entries.push({
      mountPoint: unescaped(mountPoint),
      type,
      source: unescaped(source),
      minor: Number(device.split(':')[1]),
    });
  }
  return entries;
}

/** Undoes the kernel's octal escapes of blanks, `\\` and `#`. */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

export interface MountPointRequest {
  readonly mountPoint: string;
  /** The device name of the drive that is to be mounted. */
  readonly source: string;
  /** The drive was shown there, and nobody took it away: what is there now was written while it was gone. */
  readonly wasShown: boolean;
  /** The drive can be mounted over a dead mount, so that the bare directory is never seen. */
  readonly mountsOver?: boolean;
  readonly nowMs: number;
}

/**
 * Makes the mount point ready: an empty directory, made if missing, with nothing mounted on it. A mount that an
 * earlier, dead process of the same drive left there is cleaned up. What programs wrote into the directory while
 * the drive was gone is put aside; the answer is where, or null.
 * @throws MOUNT_BUSY, LOCAL_PERMISSION, LOCAL_IO
 */
export async function prepareMountPoint(request: MountPointRequest): Promise<string | null> {
  const { mountPoint, source, wasShown, nowMs } = request;
  const existing = await mountAt(mountPoint);
  if (existing === null) await refuseInsideDrive(mountPoint);
  else {
    // Whoever has the drive's state open is its only process, so a mount of the same drive serves nobody any more.
    const isOwn = existing.source === source;
    const isDead = isOwn || (isFerry(existing) && (await isDisconnected(mountPoint)));
    if (!isDead)
      throw new FerryError(
        'MOUNT_BUSY',
        `${mountPoint} is in use: ${existing.source} (${existing.type}) is mounted there; unmount it or choose another directory`,
        { path: mountPoint },
      );
    await abort(existing);
    if (isOwn && request.mountsOver) return null;
    await unmountLazily(mountPoint);
  }
  if (await isEmptyDirectory(mountPoint)) return null;
  if (wasShown) return setAside(mountPoint, nowMs);
  throw new FerryError(
    'MOUNT_BUSY',
    `${mountPoint} is not empty; a drive needs an empty directory`,
    { path: mountPoint },
  );
}

/** Makes the directory where it is missing, and says whether nothing is in it. */
async function isEmptyDirectory(mountPoint: string): Promise<boolean> {
  try {
    await makeMissing(mountPoint);
    return (await fs.readdir(mountPoint)).length === 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new FerryError('MOUNT_BUSY', `${mountPoint} is not a directory`, { path: mountPoint });
    const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    throw new FerryError(
      denied ? 'LOCAL_PERMISSION' : 'LOCAL_IO',
      `${mountPoint} cannot be made or looked into (${code}); choose another directory`,
      { path: mountPoint, cause: error },
    );
  }
}

/**
 * A drive inside another one would wait for the process that it is mounted by, which waits for it in turn.
 * @throws MOUNT_BUSY
 */
async function refuseInsideDrive(mountPoint: string): Promise<void> {
  const place = await realPlace(mountPoint);
  const around = (await mounts())
    .filter((entry) => place.startsWith(entry.mountPoint === '/' ? '/' : `${entry.mountPoint}/`))
    .reduce<MountEntry | null>(
      (found, entry) =>
        entry.mountPoint.length >= (found?.mountPoint.length ?? 0) ? entry : found,
      null,
    );
  if (around === null || !isFerry(around)) return;
  throw new FerryError(
    'MOUNT_BUSY',
    `${mountPoint} is inside the drive at ${around.mountPoint}; choose a directory outside of it`,
    { path: mountPoint },
  );
}

/** Resolves the symbolic links of a path whose last parts may be missing. */
async function realPlace(absolutePath: string): Promise<string> {
  const missing: string[] = [];
  for (let place = absolutePath; place !== dirname(place); place = dirname(place)) {
    try {
      return join(await fs.realpath(place), ...missing);
    } catch {
      missing.unshift(basename(place));
    }
  }
  return absolutePath;
}

/**
 * Unmounts. Lazily: the name is free at once, and programs go on with what they have open.
 * @throws MOUNT_BUSY when programs still use the drive
 */
export async function unmount(mountPoint: string, options: { lazy: boolean }): Promise<void> {
  const entry = await mountAt(mountPoint);
  if (entry === null && process.platform === 'linux') return;
  await takeOff(mountPoint, entry, options);
  if (entry !== null) await takeOffBelow(mountPoint, entry.source);
}

/** Takes off the dead mounts that a drive was mounted over. */
async function takeOffBelow(mountPoint: string, source: string): Promise<void> {
  for (let layer = 0; layer < MAX_LAYERS; layer += 1) {
    if ((await mountAt(mountPoint))?.source !== source) return;
    if ((await unmountLazily(mountPoint)) !== null) return;
  }
}

async function takeOff(
  mountPoint: string,
  entry: MountEntry | null,
  options: { lazy: boolean },
): Promise<void> {
  const failure = options.lazy
    ? await unmountLazily(mountPoint)
    : await firstThatWorks(commands(mountPoint, false));
  if (failure === null || !isSame(await mountAt(mountPoint), entry)) return;
  if (failure.timedOut && entry !== null) {
    await abort(entry);
    await unmountLazily(mountPoint);
    return;
  }
  throw new FerryError('MOUNT_BUSY', await busyWords(mountPoint, failure.message), {
    path: mountPoint,
  });
}

/** Says who keeps a mount from being unmounted, and what helps. */
async function busyWords(mountPoint: string, reason: string): Promise<string> {
  const users = await usersOf(mountPoint);
  const shown = users.slice(0, SHOWN_USERS).map(({ name, pid }) => `${name} (pid ${pid})`);
  if (users.length > SHOWN_USERS) shown.push(`${users.length - SHOWN_USERS} more`);
  return shown.length === 0
    ? `${mountPoint} cannot be unmounted: ${reason}; close the programs and shells that use it, or unmount it with --lazy`
    : `${mountPoint} is in use by ${shown.join(', ')}: close what they have open there, or unmount it with --lazy`;
}

/**
 * Ends what programs wait for at a drive's mount point whose process has died; they get ENOTCONN. Nothing happens where
 * no drive is mounted.
 */
export async function abandonMount(
  mountPoint: string,
  options: { readonly unmounts: boolean },
): Promise<void> {
  const entry = await mountAt(mountPoint);
  if (entry === null || !isFerry(entry)) return;
  await abort(entry);
  if (!options.unmounts) return;
  await unmountLazily(mountPoint);
  await takeOffBelow(mountPoint, entry.source);
}

/** Two mounts at the same time never have the same number. */
function isSame(one: MountEntry | null, other: MountEntry | null): boolean {
  return one !== null && one.minor === other?.minor;
}

/** Ends all calls on a mount that its process does not answer any more; they fail with ENOTCONN. */
async function abort(entry: MountEntry): Promise<void> {
  if (await abortConnection(entry.minor)) return;
  // Where the control file system is not mounted, as in containers, only root can: by unmounting with force. For others
  // the lazy unmount has to do. A mount that answers, be it that it is not connected, is better left where it is.
  const { mountPoint } = entry;
  if (process.getuid?.() !== 0 || (await isDisconnected(mountPoint, HANG_MS))) return;
  await run('umount', ['-f', '--', mountPoint]);
}

/** Aborts a FUSE connection; false: the control file system is not mounted, or belongs to another user. */
export async function abortConnection(minor: number): Promise<boolean> {
  try {
    await fs.writeFile(join(CONNECTIONS, String(minor), 'abort'), '1');
    return true;
  } catch {
    return false;
  }
}

function isFerry(entry: MountEntry): boolean {
  return entry.type === 'fuse.ferry' || entry.source.startsWith('ferry:');
}

/** Looks at a mount from another process: a call on one that hangs would never come back to this one. */
async function isDisconnected(
  mountPoint: string,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<boolean> {
  const failure = await run('stat', ['-f', '--', mountPoint], timeoutMs);
  return failure !== null && !failure.timedOut;
}

async function unmountLazily(mountPoint: string): Promise<CommandFailure | null> {
  return firstThatWorks(commands(mountPoint, true));
}

type Command = readonly [program: string, ...args: string[]];

function commands(mountPoint: string, lazy: boolean): readonly Command[] {
  if (process.platform === 'darwin')
    return [['diskutil', 'unmount', ...(lazy ? ['force'] : []), mountPoint]];
  const byFuse: Command[] = [
    ['fusermount3', lazy ? '-uz' : '-u', '--', mountPoint],
    ['fusermount', lazy ? '-uz' : '-u', '--', mountPoint],
  ];
  const byRoot: Command = ['umount', ...(lazy ? ['-l'] : []), '--', mountPoint];
  return process.getuid?.() === 0 ? [byRoot, ...byFuse] : byFuse;
}

interface CommandFailure {
  readonly message: string;
  readonly timedOut: boolean;
}

async function firstThatWorks(candidates: readonly Command[]): Promise<CommandFailure | null> {
  let first: CommandFailure | null = null;
  for (const [program, ...args] of candidates) {
    const failure = await run(program, args);
    if (failure === null) return null;
    first ??= failure;
    if (failure.timedOut) return failure;
  }
  return first;
}

/** Runs a program by an argument array, never through a shell: mount points are the user's to name. */
function run(
  program: string,
  args: readonly string[],
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<CommandFailure | null> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C' };
    const child = execFile(program, args, { env }, (error, _, stderr) => {
      clearTimeout(timer);
      if (error === null) return resolve(null);
      const message = stderr.trim().split('\n')[0] || error.message;
      resolve({ message, timedOut: false });
    });
    // A program that waits in the kernel for a mount that hangs cannot be killed, so it is not waited for.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve({ message: `${program} does not come back`, timedOut: true });
    }, timeoutMs);
  });
}
