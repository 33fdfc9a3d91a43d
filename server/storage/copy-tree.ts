import { constants, read } from 'node:fs';
import { promisify } from 'node:util';
import type { NodeStat, SafeRoot } from '../../native/safe-root.ts';
import { isHiddenName } from '../request-path.ts';
import { removeTree } from './remove-tree.ts';
import { closeAsync, type Stage } from './stage.ts';

const readAsync = promisify(read);

const COPY_BYTES = 256 * 1024;

/**
 * Copies the file or directory `from` into the stage, times and permission bits included, and returns the path of
 * the copy. Links, special files and Ferry's own folders are left out. On failure nothing stays behind.
 */
export async function stageCopy(
  root: SafeRoot,
  stage: Stage,
  from: string,
  depth: '0' | 'infinity',
): Promise<string> {
  const stat = await root.stat(from);
  if (stat === null) throw Object.assign(new Error('nothing is there'), { code: 'ENOENT' });
  if (stat.kind === 'file') return await copyToStage(root, stage, from, stat);
  const to = stage.freshPath();
  try {
    await root.makeDirectory(to, 0o777);
    if (depth === 'infinity') await copyMembers(root, stage, from, to);
    await root.setMode(to, (stat.mode & 0o777) | 0o300);
    await root.setTimes(to, stat.mtimeNs);
  } catch (error) {
    await removeTree(root, to);
    throw error;
  }
  return to;
}

async function copyMembers(root: SafeRoot, stage: Stage, from: string, to: string): Promise<void> {
  for (const { name, stat } of await root.list(from)) {
    const isCopied = stat?.kind === 'file' || stat?.kind === 'directory';
    if (name === null || isHiddenName(name) || stat === null || !isCopied) continue;
    const staged = await stageCopy(root, stage, `${from}/${name}`, 'infinity');
    await root.rename(staged, `${to}/${name}`, 'no-replace');
  }
}

/** Reads and writes by hand: `fs.copyFile` of Node 20 spins when the source is cut short meanwhile. */
async function copyToStage(
  root: SafeRoot,
  stage: Stage,
  from: string,
  expected: NodeStat,
): Promise<string> {
  const source = await root.open(from, constants.O_RDONLY);
  try {
    const staged = await stage.create();
    try {
      await staged.fill(readToEnd(source, stage));
      const after = await root.statDescriptor(source);
      if (after.mtimeNs !== expected.mtimeNs || after.sizeBytes !== expected.sizeBytes)
        throw Object.assign(new Error('the source changed'), { code: 'EBUSY' });
      await staged.describe(expected.mode & 0o777, expected.mtimeNs);
      await staged.seal();
      return staged.path;
    } catch (error) {
      await staged.discard();
      throw error;
    }
  } finally {
    await closeAsync(source);
  }
}

async function* readToEnd(fd: number, stage: Stage): AsyncIterable<Uint8Array> {
  for (let at = 0; ; ) {
    stage.requireOpen();
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    const { bytesRead } = await readAsync(fd, buffer, 0, COPY_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
