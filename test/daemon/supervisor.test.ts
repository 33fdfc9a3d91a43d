import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { resolveHome } from '../../daemon/home.ts';
import { Supervisor } from '../../daemon/supervisor.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A worker that begins its work and crashes. */
const CRASHING = "process.send('ready', () => process.exit(7))";

describe('the supervisor', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-supervisor');
  });
  afterEach(async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(signal);
    await folder.close();
  });

  function supervise(worker: string, onLine: (line: string) => void): Promise<number> {
    const environment = { ...process.env, FERRY_HOME: join(folder.path, 'home') };
    const supervisor = new Supervisor({
      command: ['-e', worker],
      what: 'the worker',
      home: resolveHome(environment),
      environment,
      isNoted: true,
      say: onLine,
    });
    return supervisor.run();
  }

  test('starts a worker again that crashes, and gives up when it goes on crashing', async () => {
    const lines: string[] = [];
    expect(await supervise(CRASHING, (line) => lines.push(line))).toBe(7);
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toContain('is not started again');
  });

  test('that is asked to end between two workers starts no other one', async () => {
    const started = join(folder.path, 'started');
    const worker = `require('fs').appendFileSync(${JSON.stringify(started)}, 'x'); ${CRASHING}`;
    await supervise(worker, () => process.emit('SIGTERM', 'SIGTERM'));
    expect(await readFile(started, 'utf8')).toBe('x');
  });
});
