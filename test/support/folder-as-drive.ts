import { mkdir } from 'node:fs/promises';
import type { Clock, Logger, Replica } from '../../core/ports.ts';
import { openFolderReplica } from '../../fs-adapter/folder/folder-replica.ts';
import type { Drive, DriveOptions } from '../../fs-adapter/mount/drive.ts';

/** What a test drives of a drive, whatever way it is shown. */
export type HeldDrive = Pick<Drive, 'mount' | 'unmount' | 'close'> & {
  readonly replica: Replica;
  readonly cache: Pick<Drive['cache'], 'free'>;
  readonly stats: Pick<
    Drive['stats'],
    'pending' | 'openHandles' | 'hydrating' | 'entries' | 'operations'
  >;
};

/** Opens the folder that stands for a drive where nothing can be mounted, in the shape of a drive. */
export async function openFolderAsDrive(
  options: Pick<DriveOptions, 'mountPoint'> & { readonly clock: Clock; readonly logger: Logger },
): Promise<HeldDrive> {
  const { mountPoint, clock, logger } = options;
  await mkdir(mountPoint, { recursive: true });
  const replica = await openFolderReplica({
    absolutePath: mountPoint,
    deviceName: 'test',
    clock,
    logger,
  });
  await replica.identify({ create: true });
  return {
    replica,
    // There is nothing to mount, to take off or to give back: the files are the user's own.
    mount: async () => null,
    unmount: async () => {},
    cache: { free: async () => ({ freedFiles: 0, freedBytes: 0, keptFiles: 0, kept: [] }) },
    stats: { pending: 0, openHandles: 0, hydrating: 0, entries: 0, operations: 0 },
    close: () => replica.close(),
  };
}
