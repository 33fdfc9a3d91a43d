import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FerryError } from '../core/model/errors.ts';

function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Makes a directory of Ferry's own, and those above it. @throws LOCAL_PERMISSION, LOCAL_NO_SPACE */
export async function makeStateDirectory(absolutePath: string): Promise<void> {
  try {
    await mkdir(absolutePath, { recursive: true, mode: 0o700 });
  } catch (error) {
    // On a read-only file system Node says that something is missing.
    throw new FerryError(
      errnoOf(error) === 'ENOSPC' ? 'LOCAL_NO_SPACE' : 'LOCAL_PERMISSION',
      `cannot be made (${errnoOf(error)}): set FERRY_HOME to a folder that you may write to`,
      { path: absolutePath, cause: error },
    );
  }
}

/** Removes what processes that were killed while they wrote this file have left beside it. */
async function sweepStages(absolutePath: string): Promise<void> {
  const directory = dirname(absolutePath);
  const prefix = `${basename(absolutePath)}.`;
  for (const name of await readdir(directory)) {
    const [, pid] = name.startsWith(prefix)
      ? (/^(\d+)\.[0-9a-f]+\.tmp$/.exec(name.slice(prefix.length)) ?? [])
      : [];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(directory, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/**
 * Replaces the file in one durable step: a reader, also one after a power cut, finds the old content or the new. With
 * `mayBeLost` no disk is waited for: after a power cut the file may be empty.
 */
export async function writeFileAtomically(
  absolutePath: string,
  content: string,
  mode: number,
  { mayBeLost = false }: { readonly mayBeLost?: boolean } = {},
): Promise<void> {
  const directory = dirname(absolutePath);
  const stage = `${absolutePath}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = await open(stage, 'wx', mode);
    try {
      await file.writeFile(content);
      if (!mayBeLost) await file.sync();
    } finally {
      await file.close();
    }
    await chmod(stage, mode);
    await rename(stage, absolutePath);
    if (!mayBeLost) {
      const parent = await open(directory, 'r');
      await parent.sync().finally(() => parent.close());
    }
    await sweepStages(absolutePath);
  } catch (error) {
    await rm(stage, { force: true });
    throw new FerryError(
      errnoOf(error) === 'ENOSPC' ? 'LOCAL_NO_SPACE' : 'LOCAL_IO',
      `cannot be written (${(error as Error).message}): check that the folder is yours and has room`,
      { path: absolutePath, cause: error },
    );
  }
}

/** Returns the JSON value in a file, or undefined where there is no file. @throws CONFIG_INVALID, LOCAL_PERMISSION */
export async function readJsonFile(absolutePath: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(absolutePath, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new FerryError('LOCAL_PERMISSION', `cannot be read: ${(error as Error).message}`, {
      path: absolutePath,
      cause: error,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new FerryError(
      'CONFIG_INVALID',
      `is not JSON (${(error as Error).message}): correct it`,
      {
        path: absolutePath,
        cause: error,
      },
    );
  }
}

const LOCK_WAIT_MS = 5000;
const LOCK_RETRY_MS = 20;

/**
 * Runs `work` while no other process works on the same file. A lock that is older than `work` could ever take
 * belongs to a process that died.
 */
export async function withFileLock<T>(absolutePath: string, work: () => Promise<T>): Promise<T> {
  const lock = `${absolutePath}.lock`;
  await makeStateDirectory(dirname(lock));
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      break;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST')
        throw new FerryError('LOCAL_PERMISSION', `cannot be made: ${(error as Error).message}`, {
          path: lock,
          cause: error,
        });
      if (waitedMs >= LOCK_WAIT_MS) await rm(lock, { force: true });
      else await sleep(LOCK_RETRY_MS);
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}
