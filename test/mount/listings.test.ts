import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../support/mounted-drive.ts';

const DIRECTORIES = 12;
const FILES = 100;
const ALL_FILES = DIRECTORIES * FILES;
/** `a/1` has 1 byte, `a/2` has 2, and so on; in each directory. */
const ALL_BYTES = (DIRECTORIES * FILES * (FILES + 1)) / 2;

/** Lists every directory, and then asks for the size of each file, all in one process. */
const LIST_FIRST_ASK_LATER = `
  my @files;
  for my $directory (glob 'd*') {
    opendir(my $listing, $directory) or die;
    push @files, map { "$directory/$_" } grep { !/^\\./ } readdir $listing;
  }
  my $bytes = 0;
  $bytes += -s $_ for @files;
  print scalar(@files), " $bytes";
`;

const reason = await reasonWithoutMount('native');

(reason === null ? describe : describe.skip)('listings of a drive', () => {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend: 'native' });
    for (let at = 0; at < DIRECTORIES; at++) {
      await drive.do({ do: 'make-directory', path: `d${at}` });
      const files = Array.from({ length: FILES }, (_, file) => ({
        path: `d${at}/${file + 1}`,
        seed: file,
        sizeBytes: file + 1,
      }));
      await drive.do({ do: 'arrive-generated', files });
    }
  });
  afterAll(() => drive.dispose());

  /** Shows the drive to a kernel that knows nothing of it, and returns how many requests the script took. */
  async function requestsOf(script: string): Promise<{ requests: number; output: string }> {
    await drive.stop();
    await drive.open();
    await drive.do({ do: 'mount' });
    const before = (await drive.stats()).operations;
    const output = await drive.shell(script);
    return { requests: (await drive.stats()).operations - before, output };
  }

  test('a program that asks for the size of each file as it lists them gets the sizes with the names', async () => {
    const { requests, output } = await requestsOf(
      `find . -type f -not -path './.ferry/*' -printf '%s\\n' | awk '{ bytes += $1 } END { print NR, bytes }'`,
    );
    expect(output).toBe(`${ALL_FILES} ${ALL_BYTES}\n`);
    expect(requests).toBeLessThan(ALL_FILES / 4);
  });

  test('a program that only wants names does not make the kernel keep an inode of each file', async () => {
    const { output } = await requestsOf(`find . -type f -not -path './.ferry/*' | wc -l`);
    expect(output).toBe(`${ALL_FILES}\n`);
    const before = (await drive.stats()).operations;
    await drive.shell('stat -c %s d*/* > /dev/null');
    const asked = (await drive.stats()).operations - before;
    expect(asked).toBeGreaterThan(ALL_FILES / 2);
  });

  test('a program that asks only after it has listed everything gets what it asks for', async () => {
    const { output } = await requestsOf(
      `perl -e '${LIST_FIRST_ASK_LATER.replaceAll("'", `'"'"'`)}'`,
    );
    expect(output).toBe(`${ALL_FILES} ${ALL_BYTES}`);
  });
});
