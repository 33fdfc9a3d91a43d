import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reasonWithoutMount } from '../support/mounted-drive.ts';
import { PROGRAM_CASES, type ProgramCase, SAVED_FILES } from '../support/program-cases.ts';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { companion } from '../support/servers/companion.ts';
import { programPath } from '../support/servers/real-server.ts';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const PROGRAM_TIMEOUT_MS = 120_000;
/** Mode, size where it is a file's, and content of each entry. */
const LIST = `find . -mindepth 1 -type d -printf '%P/ DIRECTORY-MODE\\n' -o -printf '%P %m %s TIME\\n' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum`;

// What fuse-native cannot do with times is known and tested elsewhere.
const reason = (await reasonWithoutDrive(companion())) ?? (await reasonWithoutMount('native'));

(reason === null ? describe : describe.skip)('programs on a mounted drive', () => {
  let served: ServedDrive;
  let bare: string;

  beforeAll(async () => {
    served = await ServedDrive.start(companion());
    bare = join(served.directory, 'bare');
    for (const root of [bare, served.server.directory]) {
      await mkdir(join(root, 'saved'), { recursive: true });
      for (const name of SAVED_FILES)
        await writeFile(join(root, 'saved', name), `first line\nthe word before\n${name}\n`);
    }
    await shell(served.directory, PREPARE);
    await served.mount();
  }, START_TIMEOUT_MS);

  afterAll(() => served?.close(), START_TIMEOUT_MS);

  /** Runs a script in a directory, with what programs write into their files the same each time. */
  async function shell(directory: string, script: string): Promise<string> {
    const { stdout } = await run('/bin/bash', ['-euc', script], {
      cwd: directory,
      timeout: PROGRAM_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, ...SAME_EACH_TIME, SHARED: served.directory, HOME: served.directory },
    });
    return stdout;
  }

  /** What the programs said, and what they left. */
  async function outcome(root: string, { script, directory, times, without }: ProgramCase) {
    await mkdir(join(root, directory), { recursive: true });
    const said = await shell(join(root, directory), script);
    const list = listing(times ? '%T@' : '', '%m');
    const left = (await shell(join(root, directory), list)).split('\n');
    return { said, left: left.filter((line) => !without.some((name) => line.includes(name))) };
  }

  it.each(PROGRAM_CASES)(
    '$name leaves what it leaves on a disk',
    async (program) => {
      const why = reasonWithout(program);
      if (why !== null) {
        process.stderr.write(`skipped: ${program.name} on a drive: ${why}\n`);
        return;
      }
      const onDisk = await outcome(bare, program);
      expect(await outcome(served.drive, program)).toEqual(onDisk);
    },
    PROGRAM_TIMEOUT_MS,
  );

  it(
    'and the server gets each save as one new version, with no temporary names',
    async () => {
      await served.settled();
      await served.ferry('sync');
      await served.settled();
      const onDrive = await shell(served.drive, LIST.replace('TIME', ''));
      const onServer = await shell(served.server.directory, LIST.replace('TIME', ''));
      const ofPrograms = (text: string): readonly string[] =>
        text.split('\n').filter((line) => !/\.ferry|saved\/.*~/.test(line));
      expect(ofPrograms(onServer)).toEqual(ofPrograms(onDrive));
      const names = (await readdir(served.server.directory, { recursive: true })).map(String);
      expect(
        names.filter((path) => /\.sw[a-p]$|~$|4913|\.tmp$|\.~lock|^sed\w{6}$/.test(path)),
      ).toEqual([]);
      const saves = served.proxy.changes.filter(({ path }) => path.startsWith('saved/'));
      const versions = saves
        .filter(({ op }) => op !== 'PROPPATCH')
        .map(({ op, path }) => `${op} ${path}`);
      expect([...versions].sort()).toEqual(
        [...SAVED_FILES].sort().map((name) => `PUT saved/${name}`),
      );
    },
    PROGRAM_TIMEOUT_MS,
  );
});

function reasonWithout({ needs, isLong }: ProgramCase): string | null {
  const missing = needs.find((one) => programPath(one) === null);
  if (missing !== undefined) return `${missing} is not installed`;
  return isLong && process.env['FERRY_LONG'] !== '1' ? 'it takes long (FERRY_LONG=1)' : null;
}

function listing(time: string, directoryMode: string): string {
  return LIST.replace('TIME', time).replace('DIRECTORY-MODE', directoryMode);
}

const SAME_EACH_TIME = {
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'n'],
      [`GIT_${who}_EMAIL`, 'e@example.org'],
      [`GIT_${who}_DATE`, '2001-02-03T04:05:06Z'],
    ]),
  ),
};

/** What the programs work on, made once beside the drive. */
const PREPARE = `
mkdir tree && cd tree
for each in $(seq 40); do
  mkdir -p "dir $((each % 7))" && seq $((each * 37)) > "dir $((each % 7))/file $each.txt"
  touch -d "2001-02-03 04:05:$each.123456789" "dir $((each % 7))/file $each.txt"
done
chmod 600 'dir 1/file 1.txt' && chmod 755 'dir 2/file 2.txt' && chmod 500 'dir 3'
touch -d '1999-12-31 23:59:59.5' 'dir 4'
cd .. && tar cf tree.tar tree && chmod 700 'tree/dir 3'
git init -q --bare repository.git && git clone -q repository.git seed 2>/dev/null && cp -r 'tree/dir 1' 'tree/dir 2' seed/
cd seed && git add . && git commit -qm first && git push -q origin HEAD 2>/dev/null`;
