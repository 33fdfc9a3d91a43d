import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { differences, listTree } from '../support/file-trees.ts';
import { runFerry, startFerry } from '../support/run-ferry.ts';
import { DriveStage } from './drive-stage.ts';
import { type FuzzWrites, readFuzzLogs } from './fuzz-log.ts';
import { TEMPORARY } from './write-log.ts';

export interface FuzzOptions {
  readonly forMs: number;
  readonly seed: number;
  /** Between two operations of a program in the drive, on average. */
  readonly pauseMs: number;
  readonly note: (text: string) => void;
  /** Where something is wrong, all files stay, to be looked at. */
  readonly keeps?: boolean;
}

export interface FuzzResult {
  readonly operations: number;
  readonly written: number;
  readonly conflictCopies: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

const PROGRAMS = 4;
const NOTE_SECONDS = 60;
const FREED_SECONDS = 7;
const CLIENT_PAUSE_MS = 150;
const END_MS = 60_000;
const ROUNDS = 40;
/** Only the drive itself can tell what of it is content. */
const DRIVE_CACHE = 'home/pairs/drive/drive/cache';

class Program {
  readonly log: string;
  readonly #child: ChildProcess;

  constructor(directory: string, log: string, seed: number, own: string, pauseMs: number) {
    const host = fileURLToPath(new URL('./fuzz-host.js', import.meta.url));
    this.log = log;
    this.#child = fork(host, [directory, log, String(seed), own, String(pauseMs)], {
      execArgv: [],
    });
  }

  /** Ends it after its present operation. @throws Error when it hangs */
  async end(): Promise<Record<string, number>> {
    const told = once(this.#child, 'message');
    this.#child.send('end');
    const answer = await Promise.race([told, sleep(END_MS, null, { ref: false })]);
    if (answer === null) throw new Error('a program in the drive hangs');
    const [{ failures }] = answer as [{ failures: Record<string, number> }];
    return failures;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** What is below a directory: the hashes of all files, kept versions included, and what could not be read. */
interface Everything {
  readonly hashes: ReadonlySet<string>;
  readonly unreadable: readonly string[];
}

async function everythingIn(directory: string, except: readonly string[]): Promise<Everything> {
  const hashes = new Set<string>();
  const unreadable: string[] = [];
  const read = async (path: string): Promise<void> => {
    try {
      const content = await readFile(path);
      hashes.add(createHash('sha256').update(content).digest('hex'));
    } catch (error) {
      unreadable.push(`${relative(directory, path)} cannot be read: ${String(error)}`);
    }
  };
  const visit = async (path: string): Promise<void> => {
    for (const item of await readdir(path, { withFileTypes: true })) {
      const at = join(path, item.name);
      if (except.includes(relative(directory, at))) continue;
      if (item.isDirectory()) await visit(at);
      else if (item.isFile()) await read(at);
    }
  };
  await visit(directory);
  return { hashes, unreadable };
}

/**
 * Programs do random things in a drive while another client, with a folder of its own, changes the same tree. In the
 * end all three sides are equal, and every content that was written is somewhere: current, in a conflict copy, or among
 * the kept versions; unless a program replaced it knowingly.
 */
export async function runFuzzCampaign(options: FuzzOptions): Promise<FuzzResult> {
  const { forMs, seed, pauseMs, note, keeps = false } = options;
  const stage = await DriveStage.start();
  const folder = join(stage.directory, 'client');
  const clientHome = join(stage.directory, 'client-home');
  await mkdir(folder);
  const pair = [
    folder,
    stage.server.url,
    '--direction',
    'two-way',
    '-q',
    '--yes',
    '--allow-deletes',
  ];
  const client = startFerry(clientHome, ['sync', ...pair, '--watch']);
  const wrong: string[] = [];
  const log = (name: string) => join(stage.directory, `${name}.log`);
  const programs = Array.from({ length: PROGRAMS }, (_, index) => {
    const own = `p${index}`;
    return new Program(stage.drive, log(own), seed * 10 + index, own, pauseMs);
  });
  programs.push(new Program(folder, log('client'), seed * 10 + PROGRAMS, '', CLIENT_PAUSE_MS));
  try {
    const untilMs = Date.now() + forMs;
    for (let second = 1; Date.now() < untilMs; second += 1) {
      await sleep(1000);
      await stage.release();
      // What is not in use is not here any more then.
      if (second % FREED_SECONDS === 0)
        await stage.ferry('free', stage.drive).catch(() => undefined);
      if (second % NOTE_SECONDS !== 0) continue;
      const { operations } = readFuzzLogs(programs.map((program) => program.log));
      note(`${operations} operations`);
    }
    const failures: Record<string, number> = {};
    for (const program of programs)
      for (const [code, times] of Object.entries(await program.end()))
        failures[code] = (failures[code] ?? 0) + times;
    client.child.kill('SIGINT');
    await client.result;
    wrong.push(...(await unequal(stage, folder, () => runFerry(clientHome, ['sync', ...pair]))));
    wrong.push(...(await stage.crashes()));
    const logs = readFuzzLogs(programs.map((program) => program.log));
    wrong.push(...(await missing(stage.directory, logs)));
    const names = Object.keys(await listTree(stage.served));
    const conflictCopies = names.filter((name) => name.includes('(conflict ')).length;
    for (const name of names)
      if (name.includes(TEMPORARY)) wrong.push(`a temporary file is on the server: ${name}`);
    const { operations, written } = logs;
    return { operations, written: written.size, conflictCopies, failures, wrong };
  } catch (error) {
    throw await stage.explained(error);
  } finally {
    for (const program of programs) program.kill();
    client.child.kill('SIGKILL');
    await stage.close({ keeps: keeps && wrong.length > 0 });
  }
}

/** Says which contents are nowhere, which nobody wrote, and what cannot be read. */
async function missing(
  directory: string,
  { written, replaced, foreign }: FuzzWrites,
): Promise<readonly string[]> {
  const { hashes, unreadable } = await everythingIn(directory, [DRIVE_CACHE]);
  const wrong = [...unreadable];
  for (const [hash, what] of foreign)
    wrong.push(`nobody wrote what was found: ${what} (${hash.slice(0, 8)})`);
  for (const [hash, what] of written)
    if (!replaced.has(hash) && !hashes.has(hash)) wrong.push(`lost: ${what} (${hash.slice(0, 8)})`);
  return wrong;
}

/** Syncs both clients until nothing changes any more, and says in what the sides differ then. */
async function unequal(
  stage: DriveStage,
  folder: string,
  sync: () => Promise<{ readonly stderr: string }>,
): Promise<readonly string[]> {
  let differing: readonly string[] = [];
  let said = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      await stage.quiet();
      said = (await sync()).stderr;
      await stage.quiet();
    } catch (error) {
      return [String(error)];
    }
    const served = await listTree(stage.served);
    differing = [
      ...differences(await listTree(stage.drive), served).map((each) => `drive | server: ${each}`),
      ...differences(await listTree(folder), served).map((each) => `folder | server: ${each}`),
    ];
    if (differing.length === 0) return [];
  }
  return [...differing, ...(said === '' ? [] : [said])];
}
