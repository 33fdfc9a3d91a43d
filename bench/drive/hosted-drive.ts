import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { abortConnection, mountAt, unmount } from '../../fs-adapter/mount/mount-point.ts';
import type { DriveCommand, OpenedFigures } from './drive-host.ts';

const HOST = fileURLToPath(new URL('./drive-host.js', import.meta.url));
const TIMEOUT_MS = 600_000;

export interface HostedDriveOptions {
  /** Where its state and its mount point are. */
  readonly directory: string;
  /** The folder on its other side. */
  readonly source: string;
  readonly backend: string;
  readonly passthrough?: boolean;
}

/** A drive in a process of its own. */
export class HostedDrive {
  readonly mountPoint: string;
  readonly #options: HostedDriveOptions;
  readonly #host: ChildProcess;
  #lastId = 0;

  private constructor(options: HostedDriveOptions) {
    this.#options = options;
    this.mountPoint = join(options.directory, 'drive');
    mkdirSync(options.directory, { recursive: true });
    this.#host = fork(HOST, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--expose-gc'],
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    });
  }

  /** Opens the drive whose state is in the directory, without mounting it. */
  static async open(
    options: HostedDriveOptions,
  ): Promise<{ readonly drive: HostedDrive; readonly figures: OpenedFigures }> {
    const drive = new HostedDrive(options);
    try {
      const { source, backend, directory, passthrough = true } = options;
      const stateDirectory = join(directory, 'state');
      const { mountPoint } = drive;
      const place = { mountPoint, stateDirectory, source };
      const command = { do: 'open', ...place, backend, passthrough } as const;
      return { drive, figures: await drive.do<OpenedFigures>(command) };
    } catch (error) {
      drive.#host.kill('SIGKILL');
      throw error;
    }
  }

  do<T = unknown>(command: DriveCommand): Promise<T> {
    const host = this.#host;
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<T>((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        host.off('message', onMessage);
        host.off('exit', onExit);
      };
      const fail = (reason: string): void => {
        finish();
        reject(new Error(reason));
      };
      const onExit = (): void => fail(`the drive's process ended during ${command.do}`);
      const onMessage = (reply: { id: number; value?: T; error?: string }): void => {
        if (reply.id !== id) return;
        finish();
        if (reply.error === undefined) resolve(reply.value as T);
        else reject(new Error(reply.error));
      };
      const timer = setTimeout(() => fail(`no answer to ${command.do}`), TIMEOUT_MS);
      host.on('message', onMessage);
      host.on('exit', onExit);
      host.send({ id, command });
    });
  }

  /** Ends the process, and takes the mount off whatever state it is in. */
  async close(): Promise<void> {
    await this.do({ do: 'close' }).catch((error: unknown) =>
      process.stderr.write(`  ${this.#options.backend}: ${String(error)}\n`),
    );
    const gone = new Promise((resolve) => this.#host.once('exit', resolve));
    this.#host.kill('SIGKILL');
    await gone;
    const mount = await mountAt(this.mountPoint);
    if (mount === null) return;
    await abortConnection(mount.minor);
    await unmount(this.mountPoint, { lazy: true });
  }
}
