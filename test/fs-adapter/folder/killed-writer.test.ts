import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { observeAll } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';

const FILES = 40;
const SIZE_BYTES = 5000;

/** Replaces all files again and again, each time with another digit, for at most ten seconds. */
const WRITER = `
  const [module, absolutePath, backend] = process.argv.slice(1);
  const { openFolderReplica } = await import(module);
  const log = () => undefined;
  const logger = { error: log, warn: log, info: log, debug: log, child: () => logger };
  const clock = { now: Date.now, sleep: async () => undefined };
  const replica = await openFolderReplica({ absolutePath, deviceName: 'd', clock, logger, backend });
  await replica.identify({ create: true });
  const versions = new Map();
  for await (const batch of replica.observe())
    for (const { entry } of batch) versions.set(entry.path, entry.version);
  const end = Date.now() + 10000;
  for (let round = 0; Date.now() < end; round++) {
    const items = Array.from({ length: ${FILES} }, (_, index) => ({
      path: 'file-' + index,
      expected: versions.get('file-' + index) ?? 'absent',
      sizeBytes: ${SIZE_BYTES},
      sourceVersion: 's',
      open: async () => (async function* () { yield Buffer.alloc(${SIZE_BYTES}, 48 + (round % 10)); })(),
    }));
    for await (const group of replica.writeMany(items))
      for (const { item, entry } of group) versions.set(item.path, entry.version);
    process.stdout.write('.');
  }
`;

async function killWhileWriting(absolutePath: string, backend: string, afterMs: number) {
  const module = new URL('../../../fs-adapter/folder/folder-replica.js', import.meta.url).href;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', WRITER, module, absolutePath, backend],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await ended;
}

describe.each(availableBackends())('a writer that is killed (%s)', (backend) => {
  it('leaves whole files only, and the next observation clears away the rest', async () => {
    const directory = fs.mkdtempSync('/tmp/ferry-test-');
    const absolutePath = join(directory, 'root');
    try {
      for (const afterMs of [3, 17, 41, 88]) {
        await killWhileWriting(absolutePath, backend, afterMs);
        const replica = await openFolderReplica({
          absolutePath,
          deviceName: 'laptop',
          clock: realClock,
          logger: quietLogger,
          backend,
        });
        const { order, problems } = await observeAll(replica);
        expect(problems).toEqual([]);
        expect(order).toHaveLength(FILES);
        for (const name of order) {
          const content = fs.readFileSync(join(absolutePath, name));
          expect(content.equals(Buffer.alloc(SIZE_BYTES, content[0]))).toBe(true);
        }
        expect(fs.readdirSync(join(absolutePath, '.ferry/stage'))).toEqual([]);
        await replica.close();
      }
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
