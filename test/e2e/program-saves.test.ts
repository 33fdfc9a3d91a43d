import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PROGRAM_SAVES, savingProgram } from '../support/program-saves.ts';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { apache } from '../support/servers/apache.ts';
import { companion } from '../support/servers/companion.ts';

/** Longer than a file is held back because a program may be saving it. */
const AFTER_HOLD_MS = 2500;

const servers = await Promise.all(
  [companion(), apache()].map(async (kind) => ({
    kind,
    name: kind.name,
    reason: await reasonWithoutDrive(kind),
  })),
);

describe.each(servers)('saves on a mounted drive of the $name', ({ kind, reason }) => {
  const test = reason === null ? it : it.skip;
  let served: ServedDrive;

  const directoryOf = (index: number): string => `save ${index}`;
  const pathOf = (index: number): string => `${directoryOf(index)}/file ${index}.txt`;

  beforeAll(async () => {
    if (reason !== null) return;
    served = await ServedDrive.start(kind);
    for (const [index] of PROGRAM_SAVES.entries()) {
      const directory = join(served.server.directory, directoryOf(index));
      await mkdir(directory);
      await chmod(directory, 0o777);
      const file = join(served.server.directory, pathOf(index));
      await writeFile(file, `before ${index}`);
      await chmod(file, 0o666);
    }
    await served.mount();
  }, 60_000);

  afterAll(async () => {
    if (reason === null) await served.close();
  }, 60_000);

  test('each becomes one new version of its file, and nothing else reaches the server', async () => {
    const { drive, proxy, server } = served;
    const saves = PROGRAM_SAVES.map((save, index) =>
      served.python(savingProgram(save), join(drive, pathOf(index)), `after ${index}, longer`),
    );
    await Promise.all(saves);
    await served.settled();
    await sleep(AFTER_HOLD_MS);
    await served.settled();

    const changes = proxy.changes.filter(({ op }) => op !== 'PROPPATCH');
    for (const [index, { name }] of PROGRAM_SAVES.entries()) {
      const made = changes.filter(({ path }) => path.startsWith(`${directoryOf(index)}/`));
      expect([name, made]).toEqual([name, [{ op: 'PUT', path: pathOf(index) }]]);
      const content = await readFile(join(server.directory, pathOf(index)), 'utf8');
      expect([name, content]).toEqual([name, `after ${index}, longer`]);
      const names = await readdir(join(server.directory, directoryOf(index)));
      // Apache keeps what PROPPATCH says in a folder of its own.
      expect([name, names.filter((one) => one !== '.DAV')]).toEqual([name, [`file ${index}.txt`]]);
    }
    expect(changes).toHaveLength(PROGRAM_SAVES.length);
    expect((await served.state()).pendingUploads).toBe(0);
  }, 60_000);
});
