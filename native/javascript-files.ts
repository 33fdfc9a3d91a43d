import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { answerOf } from './group-files.ts';
import { parseChildPath } from './relative-path.ts';
import type {
  Failure,
  NewDirectory,
  NewFile,
  NodeStat,
  ReadRequest,
  RenameRequest,
  SafeRoot,
  SmallFile,
} from './safe-root.ts';
import { codeOf, systemError } from './system-error.ts';

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
const AT_ONCE = 8;

const close = promisify(fs.close);
const fchmod = promisify(fs.fchmod);
const readSome = promisify(fs.read);
const writeAll = promisify(fs.writeFile);

/** Returns what `work` says of each item, in their order; several are worked on at once. */
export async function eachOf<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce = AT_ONCE,
): Promise<readonly (R | Failure)[]> {
  const answers: (R | Failure)[] = new Array(items.length);
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) answers[index] = await answerOf(() => work(item));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return answers;
}

/** Makes one file; of one that fails nothing is left. */
export async function createWholeFile(
  root: SafeRoot,
  { path, content, mode, mtimeNs }: NewFile,
): Promise<NodeStat> {
  parseChildPath(path);
  const fd = await root.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    await writeAll(fd, content);
    await fchmod(fd, mode & 0o7777);
    if (mtimeNs !== undefined) await root.setTimesOfDescriptor(fd, mtimeNs);
    return await root.statDescriptor(fd);
  } catch (error) {
    await root.removeFile(path);
    throw systemError(codeOf(error) ?? 'EIO', 'create', path, error);
  } finally {
    await close(fd);
  }
}

/** Reads one file, if it is a regular one of at most `maxBytes`. */
export async function readWholeFile(
  root: SafeRoot,
  { path, maxBytes }: ReadRequest,
): Promise<SmallFile> {
  parseChildPath(path);
  const fd = await root.open(path, O_RDONLY);
  try {
    const before = await root.statDescriptor(fd);
    if (before.kind !== 'file' || before.sizeBytes > maxBytes)
      return { before, after: before, content: null };
    const buffer = Buffer.allocUnsafe(before.sizeBytes);
    let length = 0;
    for (let bytesRead = -1; bytesRead !== 0 && length < buffer.length; length += bytesRead)
      ({ bytesRead } = await readSome(fd, buffer, length, buffer.length - length, length));
    const after = await root.statDescriptor(fd);
    return { before, after, content: buffer.subarray(0, length) };
  } finally {
    await close(fd);
  }
}

/** Renames to a free name and returns what has it then. */
export async function renameToFree(root: SafeRoot, { from, to }: RenameRequest): Promise<NodeStat> {
  await root.rename(from, to, 'no-replace');
  return made(root, to);
}

/** Makes one directory and returns what it is then. */
export async function makeOneDirectory(
  root: SafeRoot,
  { path, mode }: NewDirectory,
): Promise<NodeStat> {
  await root.makeDirectory(path, mode);
  return made(root, path);
}

async function made(root: SafeRoot, path: string): Promise<NodeStat> {
  const stat = await root.stat(path);
  if (!stat) throw systemError('ENOENT', 'stat', path);
  return stat;
}
