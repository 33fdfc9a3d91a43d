import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountAt, unmount } from '../../fs-adapter/mount/mount-point.ts';
import { freePort, programPath } from '../../test/support/servers/real-server.ts';
import { Daemons, settle, waitForPort } from '../processes.ts';
import { HostedDrive } from './hosted-drive.ts';

/** A folder of files as one of the programs shows it. */
export interface Shown {
  /** Where programs find the files. */
  readonly path: string;
  /** An existing directory where programs may write as they do in it. */
  readonly writable: string;
  /** Where its server listens; null: it has none. */
  readonly port: number | null;
  /** Mounts it anew, so that the kernel knows nothing of it any more; `isCold`: nor of anything on the disk. */
  renew(options: { readonly isCold: boolean }): Promise<void>;
  /** Brings the content of a file to this device. */
  hydrate(path: string): Promise<void>;
  close(): Promise<void>;
}

/** One way to have the files of a folder. */
export interface DrivePeer {
  readonly name: string;
  /** Only for rows about content: it does the same as another one with everything else. */
  readonly isForContent: boolean;
  readonly reason: string | null;
  /** `directory` is for what it keeps. */
  show(source: string, directory: string): Promise<Shown>;
}

/** The folder itself, on the disk of this machine. */
const bare: DrivePeer = {
  name: 'bare',
  isForContent: false,
  reason: null,
  async show(source, directory) {
    const writable = join(directory, 'written');
    mkdirSync(writable);
    return {
      path: source,
      writable,
      port: null,
      renew: async ({ isCold }) => settle(isCold),
      hydrate: async () => undefined,
      close: async () => undefined,
    };
  },
};

const SHOWN = 'shown-by-';

const RCLONE_FLAGS = [
  '--vfs-cache-mode=full',
  '--dir-cache-time=1h',
  '--vfs-write-back=1h',
  '--poll-interval=0',
];

const rclone: DrivePeer = {
  name: 'rclone',
  isForContent: false,
  reason:
    programPath('rclone') === null || programPath('fusermount3') === null ? 'not installed' : null,
  async show(source, directory) {
    const path = join(directory, 'drive');
    mkdirSync(path, { recursive: true });
    const port = await freePort();
    const servers = new Daemons(directory);
    const serve = ['serve', 'webdav', source, '--addr', `127.0.0.1:${port}`];
    servers.start({ command: 'rclone', args: serve });
    await waitForPort(port);
    let mounts = new Daemons(directory);
    const mount = async (): Promise<void> => {
      mounts = new Daemons(directory);
      const url = `--webdav-url=http://127.0.0.1:${port}`;
      const cache = `--cache-dir=${join(directory, 'cache')}`;
      const args = ['mount', ':webdav:', path, url, '--webdav-vendor=other', cache];
      mounts.start({ command: 'rclone', args: [...args, ...RCLONE_FLAGS] });
      for (let tries = 0; tries < 400 && (await mountAt(path)) === null; tries++) await sleep(25);
    };
    const takeOff = async (): Promise<void> => {
      await unmount(path, { lazy: false }).catch(() => unmount(path, { lazy: true }));
      await mounts.stop();
    };
    await mount();
    return {
      path,
      writable: path,
      port,
      async renew({ isCold }) {
        await takeOff();
        settle(isCold);
        await mount();
      },
      hydrate: async () => undefined, // reading it once does
      async close() {
        await takeOff();
        await servers.stop();
      },
    };
  },
};

function hosted(
  name: string,
  options: { backend: string; isForContent?: boolean; passthrough?: boolean },
): DrivePeer {
  const { backend, isForContent = false, passthrough = true } = options;
  return {
    name,
    isForContent,
    reason: null,
    async show(source, directory) {
      const { drive } = await HostedDrive.open({ directory, source, backend, passthrough });
      try {
        await drive.do({ do: 'seed' });
        await drive.do({ do: 'mount' });
      } catch (error) {
        await drive.close();
        throw error;
      }
      return {
        path: drive.mountPoint,
        writable: drive.mountPoint,
        port: null,
        async renew({ isCold }) {
          await drive.do({ do: 'unmount' });
          settle(isCold);
          await drive.do({ do: 'mount' });
        },
        async hydrate(path) {
          await drive.do({ do: 'hydrate', path });
        },
        close: () => drive.close(),
      };
    },
  };
}

/** The names of Ferry's drives, and the backends that show them; `drive` is the one that people get. */
export const DRIVE_BACKENDS = { 'drive-fuse-native': 'fuse-native', drive: 'native' } as const;

/** All ways that are compared. */
export const DRIVE_PEERS: readonly DrivePeer[] = [
  bare,
  rclone,
  hosted('drive-fuse-native', { backend: DRIVE_BACKENDS['drive-fuse-native'] }),
  hosted('drive-plain', {
    backend: DRIVE_BACKENDS.drive,
    isForContent: true,
    passthrough: false,
  }),
  hosted('drive', { backend: DRIVE_BACKENDS.drive }),
];

/**
 * Shows a folder while `work` goes on. What it leaves is removed by the caller when all programs have had their turn:
 * ext4 looks past every inode that was freed within the last minutes when it makes a file.
 */
export async function whileShown<T>(
  peer: DrivePeer,
  place: { readonly source: string; readonly work: string },
  work: (shown: Shown) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(place.work, `${SHOWN}${peer.name}-`));
  const shown = await peer.show(place.source, directory);
  try {
    return await work(shown);
  } finally {
    await shown.close();
  }
}

/** Removes what was left by `whileShown`. */
export function removeShown(work: string): void {
  for (const name of readdirSync(work))
    if (name.startsWith(SHOWN)) rmSync(join(work, name), { recursive: true, force: true });
}
