import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServerProcess } from '../crash/server-process.ts';
import { runFerry } from './run-ferry.ts';
import { temporaryDirectory } from './temporary.ts';

/** Where the command line mounts a drive of a server whose process can be stopped and go on. */
export interface DriveOfProcess {
  readonly home: string;
  /** Mount point; nothing is mounted there at first. */
  readonly drive: string;
  /** What the server serves. */
  readonly served: string;
  readonly server: ServerProcess;
  close(): Promise<void>;
}

/** Starts a server with an empty directory; `name` is part of the scratch directory's. */
export async function startDriveOfProcess(name: string): Promise<DriveOfProcess> {
  const folder = await temporaryDirectory(name);
  const at = (each: string): string => join(folder.path, each);
  const [home, drive, served] = [at('home'), at('drive'), at('served')];
  await mkdir(served);
  const server = new ServerProcess();
  await server.open(served);
  return {
    home,
    drive,
    served,
    server,
    async close() {
      server.goOn();
      await runFerry(home, ['unmount', drive, '--lazy']);
      await runFerry(home, ['daemon', 'stop']);
      await server.stop();
      await folder.close();
    },
  };
}
