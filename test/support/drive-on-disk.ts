import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { FetchContent } from '../../fs-adapter/cache/content-hydrations.ts';
import { type Drive, type DriveOptions, openDrive } from '../../fs-adapter/mount/drive.ts';
import type { MountedFiles } from '../../fs-adapter/mount/mount-backend.ts';
import type { OutsideAccess } from '../conformance/setting.ts';

export const QUIET: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => QUIET,
};

/** A clock on which every look is one millisecond later, and a wait is over at once. */
export function steppingClock(): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => {
      now += 1;
      return now;
    },
    async sleep(ms) {
      now += ms;
    },
  };
}

/** A drive that is not mounted, on a scratch directory, with a pretended other side. */
export interface DriveOnDisk {
  readonly drive: Drive;
  readonly files: MountedFiles;
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
  const hydrate: FetchContent = async (path, version, { range }) => {
    const bytes = remote.get(version);
    if (bytes === undefined) throw new FerryError('CHANGED', `${path}: no such version`);
    fetched.push(version);
    const { offset, length } = range ?? { offset: 0, length: bytes.length };
    async function* stream(content: Buffer): AsyncIterable<Uint8Array> {
      yield content;
    }
    return { sizeBytes: bytes.length, stream: stream(bytes.subarray(offset, offset + length)) };
  };
  const open = (): Promise<Drive> =>
    openDrive({
      mountPoint: join(directory, 'drive'),
      stateDirectory,
      name: 'test',
      backend: 'fuse-native',
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
    get files() {
      return filesOf(drive);
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

function filesOf({ files }: Drive): MountedFiles {
  if (files === null) throw new Error('this drive answers in threads of its own');
  return files;
}

/** The drive as programs see it, through the answers that a mount would give. */
export function programsOn(drive: Drive): OutsideAccess {
  const files = filesOf(drive);
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
