import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Content, Logger } from '../../core/ports.ts';
import { type Drive, type DriveOptions, openDrive } from '../../fs-adapter/mount/drive.ts';
import type { OutsideAccess } from '../conformance/setting.ts';

export const QUIET: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => QUIET,
};

/** A clock on which every look is one millisecond later. */
export function steppingClock(): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => {
      now += 1;
      return now;
    },
    sleep: () => Promise.resolve(),
  };
}

/** A drive that is not mounted, on a scratch directory, with a pretended other side. */
export interface DriveOnDisk {
  readonly drive: Drive;
  readonly stateDirectory: string;
  /** What each version of the other side holds. */
  readonly remote: Map<string, Buffer>;
  /** Versions that were fetched, in order. */
  readonly fetched: string[];
  /** Closes the drive and opens it again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** `prepare` can put something into the state directory before the drive is opened. */
export async function openDriveOnDisk(
  options: Partial<DriveOptions> = {},
  prepare: (stateDirectory: string) => Promise<void> = async () => {},
): Promise<DriveOnDisk> {
  const directory = await fs.mkdtemp(join(tmpdir(), 'ferry-cache-'));
  const stateDirectory = join(directory, 'state');
  await prepare(stateDirectory);
  const remote = new Map<string, Buffer>();
  const fetched: string[] = [];
  const hydrate = async (path: string, version: Version): Promise<Content> => {
    const bytes = remote.get(version);
    if (bytes === undefined) throw new FerryError('CHANGED', `${path}: no such version`);
    fetched.push(version);
    async function* stream(content: Buffer): AsyncIterable<Uint8Array> {
      yield content;
    }
    return { sizeBytes: bytes.length, stream: stream(bytes) };
  };
  const open = (): Promise<Drive> =>
    openDrive({
      mountPoint: join(directory, 'drive'),
      stateDirectory,
      name: 'test',
      clock: steppingClock(),
      logger: QUIET,
      hydrate,
      ...options,
    });
  let drive = await open();
  return {
    get drive() {
      return drive;
    },
    stateDirectory,
    remote,
    fetched,
    async restart() {
      await drive.close();
      drive = await open();
    },
    async close() {
      await drive.close();
      await fs.rm(directory, { recursive: true, force: true });
    },
  };
}

/** The drive as programs see it, through the answers that a mount would give. */
export function programsOn({ files }: Drive): OutsideAccess {
  const find = (path: string): string | null => {
    try {
      return files.attributes(path).kind;
    } catch {
      return null;
    }
  };
  const makeDirectory = async (path: string): Promise<void> => {
    const names = path.split('/');
    for (let depth = 1; depth <= names.length; depth += 1) {
      const above = names.slice(0, depth).join('/');
      if (above !== '' && find(above) === null) files.makeDirectory(above, 0o755);
    }
  };
  const remove = async (path: string): Promise<void> => {
    if (find(path) !== 'directory') return files.removeFile(path);
    for (const name of files.names(path)) await remove(`${path}/${name}`);
    files.removeDirectory(path);
  };
  return {
    makeDirectory,
    remove,
    list: async (path) => files.names(path),
    async write(path, content) {
      await makeDirectory(path.split('/').slice(0, -1).join('/'));
      const request = { write: true, append: false, truncate: true };
      const handle = await (find(path) === null
        ? files.create(path, 0o644)
        : files.open(path, request));
      await files.write(handle, Buffer.from(content), 0);
      await files.sync(handle);
      files.release(handle);
    },
    async read(path) {
      if (find(path) !== 'file') return null;
      const handle = await files.open(path, { write: false, append: false, truncate: false });
      try {
        const bytes = Buffer.alloc(files.attributes(path).sizeBytes);
        return bytes.subarray(0, await files.read(handle, bytes, 0));
      } finally {
        files.release(handle);
      }
    },
  };
}
