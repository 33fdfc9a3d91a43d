import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** One run of a program. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What processes have used. */
export interface Usage {
  readonly cpuS: number;
  readonly memoryMib: number;
}

/** What one run took. */
export interface Measured extends Usage {
  readonly wallS: number;
  readonly code: number;
}

const runFile = promisify(execFile);
const TIME = '/usr/bin/time';
const TICKS_PER_S = 100;

/** Programs that go on running until they are stopped. */
export class Daemons {
  readonly #log: number;
  readonly #children: ChildProcess[] = [];

  constructor(state: string) {
    this.#log = openSync(join(state, 'daemons.log'), 'a');
  }

  start({ command, args, env }: Command): void {
    const stdio = ['ignore', this.#log, this.#log] as const;
    const child = spawn(command, args, { stdio: [...stdio], env: { ...process.env, ...env } });
    this.#children.push(child);
  }

  /** CPU time and peak memory of these programs and of what they started. */
  usage(): Usage {
    const usages = this.#children.flatMap(({ pid }) => (pid === undefined ? [] : familyOf(pid)));
    return {
      cpuS: usages.reduce((sum, { cpuS }) => sum + cpuS, 0),
      memoryMib: usages.reduce((sum, { memoryMib }) => sum + memoryMib, 0),
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    }
    closeSync(this.#log);
  }
}

function familyOf(pid: number): Usage[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // User and system time, its own and that of children that have ended.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const own = { cpuS: ticks / TICKS_PER_S, memoryMib: Number(peak ?? 0) / 1024 };
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    );
    return [own, ...children.flatMap((child) => familyOf(Number(child)))];
  } catch {
    return []; // it has ended meanwhile
  }
}

/** Runs a program to its end, while this process goes on: a proxy of it may be in between. */
export async function runToEnd({ command, args, env }: Command): Promise<void> {
  await runFile(command, [...args], { env: { ...process.env, ...env } });
}

/** Runs a program to its end; peak memory is that of the largest of its processes. */
export async function runMeasured(run: Command, state: string): Promise<Measured> {
  const report = join(state, 'time');
  const args = ['-q', '-f', '%U %S %M', '-o', report, run.command, ...run.args];
  const log = openSync(join(state, 'client.log'), 'a');
  const startedMs = performance.now();
  const env = { ...process.env, ...run.env };
  const child = spawn(TIME, args, { stdio: ['ignore', log, log], env });
  const code = await new Promise<number>((resolve) => {
    child.once('exit', (status) => resolve(status ?? -1));
  });
  const wallS = (performance.now() - startedMs) / 1000;
  closeSync(log);
  const [user = 0, system = 0, kilobytes = 0] = lastLine(report).split(' ').map(Number);
  return { wallS, code, cpuS: user + system, memoryMib: kilobytes / 1024 };
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '';
}

/** Waits until something listens on the port. */
export async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('connect', () => socket.destroy());
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Writes everything to the disk, and forgets what was read when this process may. */
export function settle(forgets: boolean): void {
  execFileSync('sync');
  if (!forgets || process.getuid?.() !== 0) return;
  try {
    execFileSync('sh', ['-c', 'echo 3 > /proc/sys/vm/drop_caches'], { stdio: 'ignore' });
  } catch {
    // A container may not: then every program finds the files in memory.
  }
}
