import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { companion } from '../support/servers/companion.ts';
import { programPath } from '../support/servers/real-server.ts';

const DIRECTORIES = 50;
const FILES_EACH = 100;
const FILES = DIRECTORIES * FILES_EACH;
const START_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 90_000;

/** Ways to look at all of a tree, and what each prints when it has seen all of it. */
const LOOKS = [
  { name: 'ls -lR', line: 'ls -lR | grep -c needle', sees: FILES },
  {
    name: 'find with sizes and times',
    line: "find . -type f -printf '%s %T@ %m\\n' | wc -l",
    sees: FILES,
  },
  { name: 'du', line: 'du -a --apparent-size | grep -c needle', sees: FILES },
  {
    name: 'stat',
    line: "find . -type f -print0 | xargs -0 stat -c '%s %b' | grep -c ' 0$'",
    sees: FILES,
  },
  {
    name: 'gio list',
    line: 'for each in */; do gio list -l "$each"; done | grep -c needle',
    sees: FILES,
  },
] as const;

/** What a file manager asks of each entry. */
const FILE_MANAGER = `
import os, sys
seen = 0
for directory, _, _ in os.walk(sys.argv[1]):
    for entry in os.scandir(directory):
        entry.stat(follow_symlinks=False)
        for name in os.listxattr(entry.path) + ['user.ferry.state', 'user.ferry.pin', 'security.selinux']:
            try: os.getxattr(entry.path, name)
            except OSError: pass
        os.access(entry.path, os.W_OK)
        seen += entry.is_file()
print(seen)
`;

const reason = await reasonWithoutDrive(companion());

(reason === null ? describe : describe.skip)('looking at a drive of 5,000 files', () => {
  let served: ServedDrive;

  beforeAll(async () => {
    served = await ServedDrive.start(companion());
    for (let at = 0; at < DIRECTORIES; at++) {
      const directory = join(served.server.directory, `dir ${at}`);
      await mkdir(directory);
      for (let file = 0; file < FILES_EACH; file++)
        await writeFile(join(directory, `needle ${file}.txt`), `file ${file} of ${at}\n`.repeat(9));
    }
    await served.mount();
  }, START_TIMEOUT_MS);

  afterAll(() => served?.close(), START_TIMEOUT_MS);

  /** What was fetched since the last time; listings and news of changes are no content. */
  function fetched(): { readonly files: number; readonly bytes: number } {
    const { counts, contentBytes } = served.proxy;
    const found = { files: counts['GET'] ?? 0, bytes: contentBytes.down };
    served.proxy.clear();
    return found;
  }

  it.each(LOOKS)(
    'fetches nothing with $name',
    async ({ name, line, sees }) => {
      const [program = ''] = name.split(' ');
      if (programPath(program) === null) {
        process.stderr.write(`skipped: ${name} on a drive: ${program} is not installed\n`);
        return;
      }
      fetched();
      expect((await served.shell(line)).trim()).toBe(String(sees));
      expect(fetched()).toEqual({ files: 0, bytes: 0 });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'fetches nothing for what a file manager shows of each entry',
    async () => {
      fetched();
      expect((await served.python(FILE_MANAGER, served.drive)).trim()).toBe(String(FILES));
      expect(fetched()).toEqual({ files: 0, bytes: 0 });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'fetches the one file that is searched, once',
    async () => {
      fetched();
      const line = "grep -c 'file 7 of 3' 'dir 3/needle 7.txt'";
      expect((await served.shell(line)).trim()).toBe('9');
      expect(fetched()).toEqual({ files: 1, bytes: 'file 7 of 3\n'.length * 9 });
      expect((await served.shell(line)).trim()).toBe('9');
      expect(fetched()).toEqual({ files: 0, bytes: 0 });
    },
    TEST_TIMEOUT_MS,
  );
});
