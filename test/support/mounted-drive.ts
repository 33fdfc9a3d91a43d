import { type ChildProcess, execFile, fork } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMountAvailable } from '../../fs-adapter/mount/choose-kind.ts';
import { abortConnection, mountAt, unmount } from '../../fs-adapter/mount/mount-point.ts';
import type { KindName } from '../../fs-adapter/mount/shown-tree.ts';
import type { HostCommand, HostOptions, ObservedFile, RemoteFile } from './drive-host.ts';
import { LastWords } from './last-words.ts';

const HOST = fileURLToPath(new URL('./drive-host.js', import.meta.url));
const PROGRAM_TIMEOUT_MS = 20_000;
/** A sanitizer makes the host many times slower. */
const COMMAND_TIMEOUT_MS = process.env['FERRY_HOST_PRELOAD'] === undefined ? 20_000 : 120_000;

/** Says why drives cannot be mounted here; null: they can. Where FUSE is required, a reason is an error. */
export async function reasonWithoutMount(kind?: KindName): Promise<string | null> {
  const found = await isMountAvailable(kind);
  if (found.available) return null;
  const { FERRY_REQUIRE_FUSE } = process.env;
  if (FERRY_REQUIRE_FUSE === '1') throw new Error(found.reason);
  process.stderr.write(`skipped, as no drive can be mounted here: ${found.reason}\n`);
  return found.reason;
}

/** Returns the ways in which drives can be mounted here, all of them where FUSE is required. */
export async function mountableKinds(): Promise<readonly KindName[]> {
  const kinds: readonly KindName[] = ['native', 'fuse-native'];
  const reasons = await Promise.all(kinds.map((kind) => reasonWithoutMount(kind)));
  return kinds.filter((_, at) => reasons[at] === null);
}

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program, never on this process's thread, and not for longer than 20 s. */
export function run(
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', HOME: tmpdir() };
    const options = { timeout: PROGRAM_TIMEOUT_MS, env, maxBuffer: 64 * 1024 * 1024 };
    execFile(
      program,
      args,
      cwd === undefined ? options : { ...options, cwd },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** What is to be loaded into hosts alone, and not into the programs that are run: the library of a sanitizer. */
function preload(): { readonly LD_PRELOAD?: string } {
  const { FERRY_HOST_PRELOAD } = process.env;
  return FERRY_HOST_PRELOAD === undefined ? {} : { LD_PRELOAD: FERRY_HOST_PRELOAD };
}

/** A drive that a process of its own shows, and its scratch directories. */
export class MountedDrive {
  readonly directory: string;
  readonly mountPoint: string;
  readonly stateDirectory: string;
  /** As it was opened last. */
  #options: Partial<HostOptions> = {};
  #host: ChildProcess | null = null;
  /** How the host ended that nobody had asked to. */
  #ended: string | null = null;
  #lastId = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.mountPoint = join(directory, 'drive');
    this.stateDirectory = join(directory, 'state');
  }

  static async start(options: Partial<HostOptions> = {}): Promise<MountedDrive> {
    const drive = new MountedDrive(await fs.mkdtemp(join(tmpdir(), 'ferry-drive-')));
    await drive.open(options);
    await drive.do({ do: 'mount' });
    return drive;
  }

  /** Starts the host process and opens the drive in it, as before but for `options`, without mounting. */
  async open(options: Partial<HostOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...options };
    this.#ended = null;
    const before = this.#host;
    const host = fork(HOST, {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, UV_THREADPOOL_SIZE: '8', ...preload() },
    });
    this.#host = host;
    const words = new LastWords(host);
    host.once('close', (code, signal) => {
      if (this.#host !== host) return;
      this.#ended = `the process that shows ${this.mountPoint} ended by itself: ${words.of(code, signal)}`;
      process.stderr.write(`${this.#ended}\n`);
    });
    const { mountPoint, stateDirectory } = this;
    try {
      await this.do({ do: 'open', options: { mountPoint, stateDirectory, ...this.#options } });
    } catch (error) {
      host.kill('SIGKILL');
      this.#host = before;
      throw error;
    }
  }

  /** How the host ended although nobody had asked it to, with what it said last; null: it did not. */
  get ended(): string | null {
    return this.#ended;
  }

  async do<T = unknown>(command: HostCommand): Promise<T> {
    const host = this.#host;
    if (host === null) throw new Error('the host is not running');
    if (this.#ended !== null) throw new Error(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<T>((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        host.off('message', onMessage);
        host.off('close', onClose);
      };
      const onClose = (code: number | null, signal: string | null): void => {
        finish();
        const how = this.#ended ?? `the host ended: ${signal ?? `exit code ${code}`}`;
        reject(new Error(`during ${command.do}: ${how}`));
      };
      const onMessage = (reply: {
        id: number;
        value?: T;
        error?: { code: string; message: string };
      }): void => {
        if (reply.id !== id) return;
        finish();
        if (reply.error) reject(Object.assign(new Error(reply.error.message), reply.error));
        else resolve(reply.value as T);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`the host does not answer ${command.do}`));
      }, COMMAND_TIMEOUT_MS);
      host.on('message', onMessage);
      host.on('close', onClose);
      // One that has just ended is told of by its end.
      host.send({ id, command }, () => undefined);
    });
  }

  arrive(
    ...files: (Omit<RemoteFile, 'content'> & { content: string | Buffer })[]
  ): Promise<object> {
    const encoded = files.map((file) => ({
      ...file,
      content: Buffer.from(file.content).toString('base64'),
    }));
    return this.do({ do: 'arrive', files: encoded });
  }

  observe(): Promise<Record<string, ObservedFile | string>> {
    return this.do({ do: 'observe' });
  }

  /** Uploads what changed; returns the content of each file that was read, or the code it failed with. */
  async upload(): Promise<Record<string, string>> {
    const uploaded = await this.do<Record<string, string>>({ do: 'upload' });
    return Object.fromEntries(
      Object.entries(uploaded).map(([path, content]) => [
        path,
        content === 'CHANGED' ? content : Buffer.from(content, 'base64').toString(),
      ]),
    );
  }

  stats(): Promise<{
    pending: number;
    openHandles: number;
    hydrating: number;
    entries: number;
    /** Requests of the kernel that were answered since it was mounted. */
    operations: number;
    fetched: string[];
    fetchedBytes: number;
  }> {
    return this.do({ do: 'stats' });
  }

  /** Runs a program in the drive. */
  run(program: string, ...args: string[]): Promise<ProgramResult> {
    return run(program, args, this.mountPoint);
  }

  /** Runs a shell script in the drive and returns what it wrote; fails when it fails. */
  async shell(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run('bash', '-euc', script);
    if (code !== 0) throw new Error(`${script}: exit ${code}: ${stderr}`);
    return stdout;
  }

  /** Resolves when a program in the drive has made the file of that name beside the drive. */
  async signalled(name: string): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await fs.stat(join(this.directory, name)).catch(() => null)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${name} was not made`);
  }

  /** Ends the host without a chance to tidy up. */
  async kill(): Promise<void> {
    const host = this.#host;
    this.#host = null;
    if (host === null || host.exitCode !== null || host.signalCode !== null) return;
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.kill('SIGKILL');
    await ended;
  }

  /** Closes the drive and ends the host; the scratch directories stay. */
  async stop(): Promise<void> {
    if (this.#host === null) return;
    if (this.#ended !== null) return this.kill();
    try {
      await this.do({ do: 'close' });
    } finally {
      await this.kill();
    }
  }

  /** Ends the host and removes all that is left. @throws Error when the host ended by itself */
  async dispose(): Promise<void> {
    await this.stop().catch((error) => process.stderr.write(`${String(error)}\n`));
    const mount = await mountAt(this.mountPoint);
    if (mount !== null) {
      await abortConnection(mount.minor);
      await unmount(this.mountPoint, { lazy: true });
    }
    await fs.rm(this.directory, { recursive: true, force: true });
    if (this.#ended !== null) throw new Error(this.#ended);
  }
}
