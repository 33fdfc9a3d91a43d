import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DriveOfProcess, startDriveOfProcess } from '../support/drive-of-process.ts';
import { reasonWithoutMount, run } from '../support/mounted-drive.ts';
import { runFerry } from '../support/run-ferry.ts';

let stage: DriveOfProcess;
let home: string;
let drive: string;
let served: string;
let server: DriveOfProcess['server'];

beforeEach(async () => {
  stage = await startDriveOfProcess('ferry-server-gone');
  ({ home, drive, served, server } = stage);
  for (const name of ['here', 'there', 'elsewhere'])
    await writeFile(join(served, name), name.repeat(50_000));
  await runFerry(home, ['mount', server.url, drive]);
  await run('cat', [join(drive, 'here')]);
});

afterEach(() => stage.close(), 60_000);

const backend = process.env['FERRY_MOUNT_BACKEND'] ?? 'native';
const reason = await reasonWithoutMount();
const describeMounted = reason === null ? describe : describe.skip;
const ifInterruptible = reason === null && backend === 'native' ? it : it.skip;
const ifLong = process.env['FERRY_LONG'] === '1' ? it : it.skip;

async function timed<T>(work: Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const begunMs = performance.now();
  const result = await work;
  return { ms: performance.now() - begunMs, result };
}

describeMounted('a drive whose server hangs', () => {
  ifInterruptible(
    'lets go of a program that waits for it, at Ctrl-C',
    async () => {
      server.hang();
      const program = spawn('cat', [join(drive, 'there')], { stdio: 'ignore' });
      await sleep(500);
      expect(program.exitCode).toBeNull();
      const ended = once(program, 'exit');
      program.kill('SIGINT');
      expect((await timed(ended)).ms).toBeLessThan(1000);
    },
    60_000,
  );

  it('still shows what is here, takes what is written, is unmounted, and uploads later', async () => {
    server.hang();
    expect((await run('cat', [join(drive, 'here')])).stdout.length).toBe(200_000);
    await run('sh', ['-c', 'echo kept > written && sync written'], drive);
    const program = spawn('cat', [join(drive, 'there')], { stdio: 'ignore' });
    const ended = once(program, 'exit');
    await sleep(300);
    const taken = await timed(runFerry(home, ['unmount', drive, '--lazy']));
    expect([taken.result.code, taken.result.stderr]).toEqual([
      0,
      expect.stringContaining('1 file not uploaded yet'),
    ]);
    if (backend === 'native') expect(taken.ms).toBeLessThan(5000);
    await ended;

    server.goOn();
    await runFerry(home, ['mount', server.url, drive]);
    for (let wait = 0; wait < 100 && !existsSync(join(served, 'written')); wait += 1)
      await sleep(100);
    expect(existsSync(join(served, 'written'))).toBe(true);
    expect((await run('cat', [join(drive, 'elsewhere')])).stdout.length).toBe(450_000);
  }, 90_000);

  ifLong(
    'says so to a program after half a minute',
    async () => {
      server.hang();
      const { ms, result } = await timed(
        new Promise<string>((resolve) => {
          const program = spawn('cat', [join(drive, 'there')], {
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          let said = '';
          program.stderr.on('data', (chunk: Buffer) => {
            said += chunk.toString();
          });
          program.once('close', () => resolve(said));
        }),
      );
      expect(result).toContain('timed out');
      expect(ms).toBeLessThan(33_000);
    },
    90_000,
  );
});

describeMounted('a drive whose server is not there', () => {
  it('says so to a program at once', async () => {
    await server.close();
    const { ms, result } = await timed(run('cat', [join(drive, 'there')]));
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(ms).toBeLessThan(3000);
  }, 60_000);
});
