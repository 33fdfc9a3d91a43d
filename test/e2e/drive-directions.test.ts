import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { reasonWithoutMount, run } from '../support/mounted-drive.ts';
import { runFerry } from '../support/run-ferry.ts';
import { apache } from '../support/servers/apache.ts';
import { companion } from '../support/servers/companion.ts';
import { nginx } from '../support/servers/nginx.ts';
import { rclone } from '../support/servers/rclone.ts';
import type { RealServer, ServerKind } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A folder that is the remote. */
function plainFolder(): ServerKind {
  return {
    name: 'a folder',
    reason: null,
    async start() {
      const { path, close } = await temporaryDirectory('ferry-remote-folder');
      const directory = join(path, 'data');
      await mkdir(directory);
      return { url: directory, directory, close };
    },
  };
}

const reason = await reasonWithoutMount();
const isRequired = process.env['FERRY_REQUIRE_SERVERS'] === '1';
/** Plain servers are alike in this. */
const isLong = process.env['FERRY_LONG'] === '1';
const kinds = [plainFolder(), companion(), ...(isLong ? [apache(), nginx(), rclone()] : [])];

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let home: string;
let drive: string;

async function mount(kind: ServerKind, direction: string): Promise<void> {
  folder = await temporaryDirectory('ferry-directions');
  home = join(folder.path, 'home');
  drive = join(folder.path, 'drive');
  server = await kind.start();
  await writeFile(join(server.directory, 'note.txt'), 'from the server');
  const mounted = await runFerry(home, ['mount', server.url, drive, '--direction', direction]);
  expect([mounted.code, mounted.stdout]).toEqual([0, expect.stringContaining(direction)]);
}

afterEach(async () => {
  await runFerry(home, ['unmount', drive, '--lazy']);
  await runFerry(home, ['daemon', 'stop']);
  await server.close();
  await folder.close();
}, 60_000);

const inDrive = (line: string) => run('sh', ['-c', line], drive);

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let wait = 0; wait < 300; wait += 1) {
    if (await holds()) return;
    await sleep(100);
  }
  throw new Error('it did not come to that');
}

for (const kind of kinds) {
  const skipped = reason ?? (isRequired ? null : kind.reason);
  if (skipped !== null)
    process.stderr.write(`skipped: directions of drives, ${kind.name}: ${skipped}\n`);
  const test = skipped === null ? it : it.skip;

  describe(`a drive of ${kind.name}`, () => {
    test('remote to local, shows what changes there, and nothing can be changed in it', async () => {
      await mount(kind, 'remote-to-local');
      expect((await inDrive('cat note.txt')).stdout).toBe('from the server');
      for (const line of [
        'echo more >> note.txt',
        'touch new.txt',
        'mkdir new',
        'rm note.txt',
        'mv note.txt other.txt',
        'chmod 600 note.txt',
      ]) {
        const { code, stderr } = await inDrive(line);
        expect([line, code === 0, stderr]).toEqual([
          line,
          false,
          expect.stringContaining('Read-only file system'),
        ]);
      }
      await writeFile(join(server.directory, 'later.txt'), 'later');
      await until(async () => (await inDrive('cat later.txt')).stdout === 'later');
      expect((await readdir(server.directory)).filter((name) => name.endsWith('.txt'))).toEqual([
        'later.txt',
        'note.txt',
      ]);
    }, 90_000);

    test('local to remote, wins over changes there, and keeps them as conflict copies', async () => {
      await mount(kind, 'local-to-remote');
      await inDrive('echo mine > made.txt && sync made.txt');
      const made = join(server.directory, 'made.txt');
      const onServer = () => readFile(made, 'utf8').catch(() => null);
      await until(async () => (await onServer()) === 'mine\n');
      const { name } = JSON.parse((await runFerry(home, ['status', '--json'])).stdout).pairs[0];
      await runFerry(home, ['pause', name]);
      await writeFile(made, 'changed on the server, too');
      await inDrive('echo mine again > made.txt && sync made.txt');
      await runFerry(home, ['resume', name]);
      // For a moment nothing is there: the other version has its new name already.
      await until(async () => (await onServer()) === 'mine again\n');
      expect((await inDrive('cat made.txt')).stdout).toBe('mine again\n');
      const copy = async () =>
        (await readdir(server.directory)).find((each) => each.startsWith('made (conflict'));
      await until(async () => (await copy()) !== undefined);
      expect(await readFile(join(server.directory, (await copy()) ?? ''), 'utf8')).toBe(
        'changed on the server, too',
      );
    }, 90_000);
  });
}
