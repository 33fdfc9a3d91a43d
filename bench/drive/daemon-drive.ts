import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ApiPair } from '../../daemon/api.ts';
import { abortConnection, mountAt, unmount } from '../../fs-adapter/mount/mount-point.ts';
import { freePort } from '../../test/support/servers/real-server.ts';
import { Daemons, waitForPort } from '../processes.ts';

const runFile = promisify(execFile);
const FERRY = resolve('ferry');
const COMMAND_TIMEOUT_MS = 120_000;
const SETTLE_TRIES = 600;
const NAME = 'bench';
const USER = ['bench', 'bench'] as const;

/** A server whose folder is shown. */
export interface ShownServer {
  readonly port: number;
  /** Puts a file there, as another client would. */
  put(name: string, content: string): Promise<void>;
  close(): Promise<void>;
}

/** What a drive is mounted from, and the user it asks for; null: nobody. */
interface Address {
  readonly url: string;
  readonly user: readonly string[] | null;
}

async function put({ url, user }: Address, name: string, content: string): Promise<void> {
  const credentials = user === null ? null : Buffer.from(user.join(':')).toString('base64');
  const headers = credentials === null ? {} : { authorization: `Basic ${credentials}` };
  const answer = await fetch(new URL(name, url), { method: 'PUT', body: content, headers });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`PUT ${name}: ${answer.status}`);
}

/** Serves a folder: by Ferry's own server, or by a plain one. */
export async function serveFolder(
  kind: 'companion' | 'plain',
  folder: string,
  state: string,
): Promise<ShownServer & { readonly address: Address }> {
  mkdirSync(state, { recursive: true });
  const port = await freePort();
  const servers = new Daemons(state);
  const at = `127.0.0.1:${port}`;
  if (kind === 'companion') {
    const password = join(state, 'password');
    writeFileSync(password, `${USER[1]}\n`);
    const user = ['--user', USER[0], '--password-file', password];
    const args = ['serve', folder, '--listen', at, '--no-tls', ...user];
    servers.start({ command: FERRY, args, env: { FERRY_HOME: join(state, 'server') } });
  } else servers.start({ command: 'rclone', args: ['serve', 'webdav', folder, '--addr', at] });
  await waitForPort(port);
  const address = { url: `http://${at}/`, user: kind === 'companion' ? USER : null };
  return {
    port,
    address,
    put: (name, content) => put(address, name, content),
    close: () => servers.stop(),
  };
}

/** A drive as people have it: mounted by `ferry mount`, held by the daemon. */
export class DaemonDrive {
  readonly mountPoint: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(directory: string, backend: string) {
    this.mountPoint = join(directory, 'drive');
    const home = join(directory, 'home');
    mkdirSync(home, { recursive: true });
    this.#env = { FERRY_HOME: home, FERRY_MOUNT_BACKEND: backend };
  }

  static async open(directory: string, backend: string, address: Address): Promise<DaemonDrive> {
    const drive = new DaemonDrive(directory, backend);
    const { url, user } = address;
    const password = join(directory, 'drive-password');
    writeFileSync(password, `${user?.[1] ?? ''}\n`);
    const flags = user === null ? [] : ['--user', `${user[0]}`, '--password-file', password];
    await drive.#ferry('remote', 'add', NAME, url, ...flags);
    try {
      await drive.mount();
      const { mountBackend } = await drive.#state();
      if (mountBackend !== backend) throw new Error(`there is no backend ${backend} here`);
    } catch (error) {
      await drive.close();
      throw error;
    }
    return drive;
  }

  async mount(): Promise<void> {
    await this.#ferry('mount', NAME, this.mountPoint);
  }

  async unmount(): Promise<void> {
    await this.#ferry('unmount', this.mountPoint);
  }

  /** Waits until everything that the server has is entered, and nothing runs. */
  async settled(entries: number): Promise<void> {
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const { recordedEntries, running } = await this.#state();
      if (recordedEntries >= entries && !running) return;
      await sleep(100);
    }
    throw new Error(`the drive did not take up ${entries} entries`);
  }

  /** Kills the process that answers for the mount, without a warning. */
  killServing(): void {
    const home = `FERRY_HOME=${this.#env['FERRY_HOME'] ?? ''}\0`;
    const serving = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => environmentOf(pid).includes(home) && holdsFuse(pid));
    if (serving.length === 0) throw new Error('no process answers for the mount');
    for (const pid of serving) process.kill(Number(pid), 'SIGKILL');
  }

  async close(): Promise<void> {
    await this.#ferry('unmount', this.mountPoint, '--lazy').catch(() => undefined);
    await this.#ferry('daemon', 'stop').catch(() => undefined);
    const left = await mountAt(this.mountPoint);
    if (left === null) return;
    await abortConnection(left.minor);
    await unmount(this.mountPoint, { lazy: true });
  }

  async #state(): Promise<ApiPair> {
    const { pairs } = JSON.parse(await this.#ferry('status', '--json')) as { pairs: ApiPair[] };
    const [state] = pairs;
    if (state === undefined) throw new Error('the daemon knows no drive');
    return state;
  }

  async #ferry(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...this.#env };
    const options = { env, timeout: COMMAND_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    const { stdout } = await runFile(FERRY, [...args], options);
    return stdout;
  }
}

function environmentOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`;
  } catch {
    return ''; // it has ended, or is somebody else's
  }
}

function holdsFuse(pid: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === '/dev/fuse');
  } catch {
    return false; // as above, or a descriptor was closed meanwhile
  }
}
