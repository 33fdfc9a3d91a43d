import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { codeOf, openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';

const { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;
/** Operations of each kind. */
const ROUNDS = process.env['FERRY_LONG'] === '1' ? 20_000 : 180;
const TIME_LIMIT_MS = 1_800_000;

/** Exchanges a directory, and a file in another one, with links that lead outside, until it is stopped. */
const SWAPPER = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  const end = Date.now() + ${TIME_LIMIT_MS};
  process.stdout.write('ready');
  while (Date.now() < end) {
    fs.renameSync('d', 'spare'); fs.renameSync('link', 'd');
    // The operations under test remove and make 'e/f' meanwhile: then there is nothing to swap.
    try { fs.renameSync('e/f', 'e/spare'); fs.renameSync('e/link', 'e/f'); } catch {}
    fs.renameSync('d', 'link'); fs.renameSync('spare', 'd');
    try { fs.renameSync('e/f', 'e/link'); fs.renameSync('e/spare', 'e/f'); } catch {}
  }
`;

type Attack = (round: number) => Promise<unknown>;

/** What a kind of operation met. */
interface Count {
  done: number;
  /** Refused because a link was in the way. */
  atLinks: number;
  other: number;
}

/** Everything about a place outside that an escape could change. */
function snapshot(directory: string): readonly string[] {
  return fs.readdirSync(directory, { recursive: true }).map((name) => {
    const path = join(directory, String(name));
    const { mode, mtimeNs, size } = fs.lstatSync(path, { bigint: true });
    return `${name} ${mode} ${mtimeNs} ${size}`;
  });
}

function attacksOn(root: SafeRoot): Readonly<Record<string, readonly Attack[]>> {
  const opened = async (path: string, flags: number, use: (fd: number) => void): Promise<void> => {
    const fd = await root.open(path, flags, 0o600);
    try {
      use(fd);
    } finally {
      fs.closeSync(fd);
    }
  };
  const write = (path: string, flags: number): Promise<void> =>
    opened(path, O_WRONLY | flags, (fd) => fs.writeSync(fd, 'inside'));
  const read = (path: string): Promise<void> =>
    opened(path, O_RDONLY, (fd) => {
      if (/outside/.test(fs.readFileSync(fd, 'utf8'))) throw new Error(`${path}: read outside`);
    });
  return {
    write: [
      (round) => write(`d/new-${round % 50}`, O_CREAT),
      () => write('d/keep', O_CREAT | O_TRUNC),
      () => write('e/f', O_TRUNC),
    ],
    delete: [
      (round) => root.removeFile(`d/new-${round % 50}`),
      () => root.removeFile('d/keep'),
      () => root.removeDirectory('d/sub'),
    ],
    mkdir: [
      (round) => root.makeDirectory(`d/made-${round % 50}`),
      () => root.makeDirectory('d/sub'),
      (round) => root.makeLink(`d/link-${round % 50}`, 'x'),
    ],
    rename: [
      () => root.rename('d/one', 'd/other', 'no-replace'),
      () => root.rename('d/other', 'd/one', 'no-replace'),
      (round) => root.rename('d/keep', 'd/one', round % 2 === 0 ? 'exchange' : 'no-replace'),
    ],
    chmod: [
      () => root.setMode('d/keep', 0o777),
      () => root.setMode('d/sub', 0o711),
      () => root.setMode('e/f', 0o777),
    ],
    utimes: [
      () => root.setTimes('d/keep', 1n),
      () => root.setTimes('e/f', 1n),
      () => root.setTimes('d/sub', 1n),
    ],
    read: [
      () => read('d/keep'),
      () => read('e/f'),
      async () => {
        const items = await root.list('d');
        if (items.some(({ name }) => name === 'only-outside')) throw new Error('listed outside');
      },
      async () => {
        await opened('d/only-outside', O_RDONLY, () => undefined);
        throw new Error('opened outside');
      },
    ],
  };
}

async function attackAll(
  attacks: ReturnType<typeof attacksOn>,
  rounds: number,
): Promise<ReadonlyMap<string, Count>> {
  const counts = new Map<string, Count>();
  for (const kind of Object.keys(attacks)) counts.set(kind, { done: 0, atLinks: 0, other: 0 });
  for (let round = 0; round < rounds; round++)
    for (const [kind, count] of counts) {
      const ways = attacks[kind] ?? [];
      const way = ways[round % ways.length];
      if (way) count[await outcomeOf(way(round))]++;
    }
  return counts;
}

/** @throws Error when it reached what is outside */
async function outcomeOf(operation: Promise<unknown>): Promise<keyof Count> {
  try {
    await operation;
    return 'done';
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return code === 'ELOOP' || code === 'ENOTDIR' ? 'atLinks' : 'other';
  }
}

describe.each(availableBackends())(
  'directories and files that are swapped for links (%s)',
  (backend) => {
    let top: string;
    let root: SafeRoot;
    let swapper: ChildProcess;

    beforeEach(async () => {
      top = fs.mkdtempSync('/tmp/ferry-test-');
      for (const place of ['outside', 'root/d', 'root/e'])
        fs.mkdirSync(join(top, place, 'sub'), { recursive: true });
      fs.writeFileSync(join(top, 'outside/keep'), 'outside');
      fs.writeFileSync(join(top, 'outside/only-outside'), 'outside');
      for (const name of ['d/keep', 'd/one', 'e/f'])
        fs.writeFileSync(join(top, 'root', name), 'inside');
      fs.symlinkSync(join(top, 'outside'), join(top, 'root/link'));
      fs.symlinkSync(join(top, 'outside/keep'), join(top, 'root/e/link'));
      root = await openSafeRoot(join(top, 'root'), { backend });
      swapper = spawn(process.execPath, ['-e', SWAPPER, join(top, 'root')]);
      await new Promise((resolve) => swapper.stdout?.once('data', resolve));
    });
    afterEach(async () => {
      const ended = new Promise((resolve) => swapper.once('exit', resolve));
      const isOver = swapper.exitCode !== null || swapper.signalCode !== null;
      swapper.kill('SIGKILL');
      if (!isOver) await ended;
      await root.close();
      fs.rmSync(top, { recursive: true, force: true });
    });

    it(
      `never let an operation reach what a link points to (${ROUNDS} of each kind)`,
      async () => {
        const outside = join(top, 'outside');
        const planted = snapshot(outside);
        const counts = await attackAll(attacksOn(root), ROUNDS);
        const lines = [...counts].map(
          ([kind, { done, atLinks, other }]) =>
            `  ${kind.padEnd(8)} ${done} done, ${atLinks} refused at links, ${other} otherwise`,
        );
        process.stdout.write(`swapped for links (${backend}):\n${lines.join('\n')}\n`);
        expect(snapshot(outside)).toEqual(planted);
        expect(fs.readFileSync(join(outside, 'keep'), 'utf8')).toBe('outside');
        expect(swapper.exitCode).toBeNull();
        const sum = (of: (count: Count) => number): number =>
          [...counts.values()].reduce((total, count) => total + of(count), 0);
        expect(sum(({ done }) => done)).toBeGreaterThan(ROUNDS / 4);
        expect(sum(({ atLinks }) => atLinks)).toBeGreaterThan(0);
      },
      TIME_LIMIT_MS,
    );
  },
);
