import { close, fdatasync, fstat, open } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { openSafeRoot } from '../../native/index.ts';
import type { FillTarget } from './drive-tree.ts';

const openFile = promisify(open);
const closeFile = promisify(close);
const syncData = promisify(fdatasync);
const statFile = promisify(fstat);

/** Makes what is in a backing file durable, and returns the file's own mtime in ns. */
export async function makeDurable(target: FillTarget): Promise<bigint> {
  const fd = await openFile(target.backingPath, 'r+');
  try {
    await syncData(fd);
    return (await statFile(fd, { bigint: true })).mtimeNs;
  } finally {
    await closeFile(fd);
  }
}

/** Compares a whole content with its hash, where that is known. @throws REMOTE_PROTOCOL when it is another one */
export async function proveContent(path: SyncPath, target: FillTarget): Promise<void> {
  if (target.hash === null) return;
  const root = await openSafeRoot(dirname(target.backingPath));
  try {
    const { hash } = await root.hashFile(basename(target.backingPath));
    if (hash === target.hash) return;
  } finally {
    await root.close();
  }
  throw new FerryError(
    'REMOTE_PROTOCOL',
    `${path}: what came is not the content that was announced; it is fetched anew when it is asked for again`,
    { path },
  );
}
