import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { codeOf, openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';

const { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;
const ROUNDS = 180;

/** Exchanges a directory and a link that leads outside, until it is stopped or a time is over. */
const SWAPPER = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  const end = Date.now() + 30000;
  process.stdout.write('ready');
  while (Date.now() < end) {
    fs.renameSync('d', 'spare'); fs.renameSync('link', 'd');
    fs.renameSync('d', 'link'); fs.renameSync('spare', 'd');
  }
`;

function snapshot(directory: string): readonly string[] {
  return fs.readdirSync(directory).map((name) => {
    const { mode, mtimeNs, size } = fs.lstatSync(join(directory, name), { bigint: true });
    return `${name} ${mode} ${mtimeNs} ${size}`;
  });
}

describe.each(availableBackends())('a directory that is swapped for a link (%s)', (backend) => {
  let top: string;
  let root: SafeRoot;
  let swapper: ChildProcess;

  beforeEach(async () => {
    top = fs.mkdtempSync('/tmp/ferry-test-');
    for (const place of ['outside', 'root/d']) {
      fs.mkdirSync(join(top, place, 'sub'), { recursive: true });
      fs.writeFileSync(join(top, place, 'keep'), 'keep');
    }
    fs.symlinkSync(join(top, 'outside'), join(top, 'root/link'));
    root = await openSafeRoot(join(top, 'root'), { backend });
    swapper = spawn(process.execPath, ['-e', SWAPPER, join(top, 'root')]);
    await new Promise((resolve) => swapper.stdout?.once('data', resolve));
  });
  afterEach(async () => {
    const ended = new Promise((resolve) => swapper.once('exit', resolve));
    swapper.kill('SIGKILL');
    await ended;
    await root.close();
    fs.rmSync(top, { recursive: true, force: true });
  });

  it('never lets an operation reach what the link points to', async () => {
    const before = snapshot(join(top, 'outside'));
    const create = async (name: string, flags: number) => {
      fs.closeSync(await root.open(name, flags, 0o600));
    };
    const attacks: readonly ((round: number) => Promise<unknown>)[] = [
      (round) => create(`d/new-${round}`, O_WRONLY | O_CREAT),
      () => create('d/keep', O_WRONLY | O_TRUNC),
      (round) => root.makeDirectory(`d/made-${round}`),
      (round) => root.makeLink(`d/link-${round}`, 'x'),
      (round) => root.rename(`d/new-${round - 1}`, `d/moved-${round}`, 'no-replace'),
      () => root.rename('d/keep', 'd/other', 'exchange'),
      () => root.removeFile('d/keep'),
      () => root.removeDirectory('d/sub'),
      () => root.setMode('d/keep', 0o777),
      () => root.setTimes('d/keep', 1n),
      async () => {
        const items = await root.list('d');
        if (items.some(({ name }) => name === 'only-outside')) throw new Error('listed outside');
      },
      async () => {
        const fd = await root.open('d/only-outside', O_RDONLY);
        fs.closeSync(fd);
        throw new Error('opened outside');
      },
    ];
    fs.writeFileSync(join(top, 'outside/only-outside'), 'x');
    const planted = snapshot(join(top, 'outside'));
    const codes = new Map<string, number>();
    let succeeded = 0;
    for (let round = 0; round < ROUNDS; round++)
      for (const attack of attacks)
        try {
          await attack(round);
          succeeded++;
        } catch (error) {
          const code = codeOf(error);
          if (code === undefined) throw error;
          codes.set(code, (codes.get(code) ?? 0) + 1);
        }
    expect(snapshot(join(top, 'outside'))).toEqual(planted);
    expect(planted.length).toBe(before.length + 1);
    expect(succeeded).toBeGreaterThan(ROUNDS / 4);
    expect((codes.get('ELOOP') ?? 0) + (codes.get('ENOTDIR') ?? 0)).toBeGreaterThan(0);
  }, 60_000);
});
