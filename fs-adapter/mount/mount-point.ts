import { execFile } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';

const COMMAND_TIMEOUT_MS = 5_000;
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
  let text: string;
  try {
    text = await fs.readFile('/proc/self/mountinfo', 'utf8');
  } catch {
    return null; // Not Linux: the backend finds out by itself.
  }
  return parseMounts(text).findLast((entry) => entry.mountPoint === mountPoint) ?? null;
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

/**
 * Makes the mount point ready: an empty directory, made if missing, with nothing mounted on it. A mount that an
 * earlier, dead process of the same drive left there is cleaned up.
 * @throws MOUNT_BUSY, LOCAL_PERMISSION, LOCAL_IO
 */
export async function prepareMountPoint(mountPoint: string, source: string): Promise<void> {
  const existing = await mountAt(mountPoint);
  if (existing !== null) {
    // Whoever has the drive's state open is its only process, so a mount of the same drive serves nobody any more.
    const isOwn = existing.source === source;
    const isDead = isOwn || (isFerry(existing) && (await isDisconnected(mountPoint)));
    if (!isDead)
      throw new FerryError(
        'MOUNT_BUSY',
        `${mountPoint} is in use: ${existing.source} (${existing.type}) is mounted there; unmount it or choose another directory`,
        { path: mountPoint },
      );
    await abortConnection(existing.minor);
    await unmountLazily(mountPoint);
  }
  try {
    await fs.mkdir(mountPoint, { recursive: true });
    const names = await fs.readdir(mountPoint);
    if (names.length === 0) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new FerryError('MOUNT_BUSY', `${mountPoint} is not a directory`, { path: mountPoint });
    const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    throw new FerryError(
      denied ? 'LOCAL_PERMISSION' : 'LOCAL_IO',
      `${mountPoint} cannot be used as a mount point (${code})`,
      { path: mountPoint, cause: error },
    );
  }
  throw new FerryError(
    'MOUNT_BUSY',
    `${mountPoint} is not empty; a drive needs an empty directory`,
    { path: mountPoint },
  );
}

/**
 * Unmounts. Lazily: the name is free at once, and programs go on with what they have open.
 * @throws MOUNT_BUSY when programs still use the drive
 */
export async function unmount(mountPoint: string, options: { lazy: boolean }): Promise<void> {
  const entry = await mountAt(mountPoint);
  if (entry === null && process.platform === 'linux') return;
  const failure = options.lazy
    ? await unmountLazily(mountPoint)
    : await firstThatWorks(commands(mountPoint, false));
  if (failure === null || (await mountAt(mountPoint)) === null) return;
  if (failure.timedOut && entry !== null) {
    await abortConnection(entry.minor);
    await unmountLazily(mountPoint);
    return;
  }
  throw new FerryError(
    'MOUNT_BUSY',
    `${mountPoint} cannot be unmounted: ${failure.message}; close the programs and shells that use it, or unmount it with --lazy`,
    { path: mountPoint },
  );
}

/** Ends all calls on a mount that its process does not answer any more; they fail with ENOTCONN. */
export async function abortConnection(minor: number): Promise<void> {
  try {
    await fs.writeFile(join(CONNECTIONS, String(minor), 'abort'), '1');
  } catch {
    // The control file system is not mounted, or belongs to another user: the lazy unmount has to do.
  }
}

function isFerry(entry: MountEntry): boolean {
  return entry.type === 'fuse.ferry' || entry.source.startsWith('ferry:');
}

/** Looks at a mount from another process: a call on one that hangs would never come back to this one. */
async function isDisconnected(mountPoint: string): Promise<boolean> {
  const failure = await run('stat', ['-f', '--', mountPoint]);
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
function run(program: string, args: readonly string[]): Promise<CommandFailure | null> {
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
    }, COMMAND_TIMEOUT_MS);
  });
}
