import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { PRIVATE_FOLDER } from '../../core/model/path.ts';
import { codeOf, type SafeRoot } from '../../native/index.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
const closeDescriptor = promisify(fs.close);
const writeSome = promisify(fs.write);
const sync = promisify(fs.fsync);
const readAll = promisify(fs.readFile);

/** Returns the path of something that Ferry keeps beside the user's files. */
export function privatePath(...names: readonly string[]): string {
  return [PRIVATE_FOLDER, ...names].join('/');
}

/** Makes a directory and those above it, for this user only; what is there stays. */
export async function makeDirectories(root: SafeRoot, path: string): Promise<void> {
  const segments = path.split('/');
  for (let depth = 1; depth <= segments.length; depth++)
    try {
      await root.makeDirectory(segments.slice(0, depth).join('/'), 0o700);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
}

/** Writes all of `bytes` at the descriptor's position. */
export async function writeFully(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await writeSome(fd, bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** Writes all of `bytes` from the offset on. */
export async function writeAt(fd: number, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeSome(fd, bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

/** Runs `use` with an open file and closes it. */
export async function withFile<T>(
  root: SafeRoot,
  path: string,
  flags: number,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = await root.open(path, flags, 0o600);
  try {
    return await use(fd);
  } finally {
    await closeDescriptor(fd);
  }
}

/** Makes a file's content durable; one that this user may not read, together with the whole file system. */
export async function syncFile(root: SafeRoot, path: string): Promise<void> {
  try {
    await withFile(root, path, O_RDONLY, (fd) => sync(fd));
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    await root.syncFileSystem();
  }
}

/** Makes a file that is not there yet, durably. @throws EEXIST */
export async function createPrivateFile(root: SafeRoot, path: string, text: string): Promise<void> {
  await withFile(root, path, O_WRONLY | O_CREAT | O_EXCL, async (fd) => {
    await writeFully(fd, Buffer.from(text));
    await sync(fd);
  });
}

/** Appends one JSON document on a line of its own to each of `items`. */
export async function appendLines(
  root: SafeRoot,
  path: string,
  items: readonly unknown[],
): Promise<void> {
  const text = items.map((item) => `${JSON.stringify(item)}\n`).join('');
  await withFile(root, path, O_WRONLY | O_CREAT | O_APPEND, (fd) =>
    writeFully(fd, Buffer.from(text)),
  );
}

/** Returns a file's text, or null when there is none. */
export async function readPrivateFile(root: SafeRoot, path: string): Promise<string | null> {
  try {
    return await withFile(root, path, O_RDONLY, (fd) => readAll(fd, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}

/** Returns the documents that `appendLines` wrote; a line that a crash cut short is left out. */
export async function readLines(root: SafeRoot, path: string): Promise<readonly unknown[]> {
  const text = (await readPrivateFile(root, path)) ?? '';
  return text.split('\n').flatMap((line): unknown[] => {
    try {
      return line === '' ? [] : [JSON.parse(line)];
    } catch {
      return []; // cut short: what it would have said had not happened yet
    }
  });
}

/** Removes a file; it may be gone already. */
export async function removeIfThere(root: SafeRoot, path: string): Promise<void> {
  try {
    await root.removeFile(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Removes a directory of Ferry's own and all it holds. */
export async function removeTree(root: SafeRoot, path: string): Promise<void> {
  for (const { name, stat } of await root.list(path)) {
    if (name === null) continue; // no name of ours: the removal of the directory will say that it is not empty
    const child = `${path}/${name}`;
    if (stat?.kind === 'directory') await removeTree(root, child);
    else await removeIfThere(root, child);
  }
  await root.removeDirectory(path);
}
