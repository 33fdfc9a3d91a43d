import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ObservedFile } from '../../support/drive-host.ts';
import { MountedDrive } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

/** A shell line that holds `path` open on descriptor 3 until a file `go` is made beside the drive. */
const UNTIL_GO = 'for i in $(seq 200); do test -e ../go && break; sleep 0.05; done';

/** Content that comes when it is opened, what waits to be uploaded, and what gives its space back. */
export function onDemand({ backend, capabilities }: DriveWay): void {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend, hydrateStallMs: 3000 });
  });
  afterAll(() => drive.dispose());

  async function seen(path: string): Promise<ObservedFile | string | undefined> {
    return (await drive.observe())[path];
  }

  async function version(path: string): Promise<string> {
    const entry = await seen(path);
    if (typeof entry !== 'object') throw new Error(`${path}: ${entry}`);
    return entry.version;
  }

  test('offline, a placeholder fails at once, what is here is read, and new files can be made', async () => {
    await drive.arrive(
      { path: 'here', content: 'here', version: 'h1' },
      { path: 'there', content: 'there', version: 'h2' },
    );
    await drive.shell('cat here');
    await drive.do({ do: 'network', state: 'offline' });
    const before = Date.now();
    const { code, stderr } = await drive.run('cat', 'there');
    expect([code, stderr]).toEqual([1, expect.stringContaining('Input/output error')]);
    expect(Date.now() - before).toBeLessThan(2000);
    expect(await drive.shell('cat here; echo new > offline-new; cat offline-new')).toBe(
      'herenew\n',
    );
    expect(await drive.shell('ls -l there | cut -d" " -f5')).toBe('5\n');
    await drive.do({ do: 'network', state: 'online' });
    expect(await drive.shell('cat there')).toBe('there');
  });

  test('a server that says nothing more ends in an error, not in a hang', async () => {
    await drive.arrive({ path: 'silent', content: 'silent', version: 'z1' });
    await drive.do({ do: 'network', state: 'silent' });
    const { code, stderr } = await drive.run('cat', 'silent');
    expect([code, stderr]).toEqual([1, expect.stringContaining('timed out')]);
    await drive.do({ do: 'network', state: 'online' });
    expect(await drive.shell('cat silent')).toBe('silent');
  });

  test('overwriting or touching a placeholder fetches nothing', async () => {
    await drive.stats();
    await drive.arrive(
      { path: 'overwritten', content: 'old', version: 'o1' },
      { path: 'touched', content: 'old', version: 'o2' },
    );
    await drive.shell('echo new > overwritten; touch touched; chmod 600 touched; : > overwritten');
    expect((await drive.stats()).fetched).toEqual([]);
    expect(await drive.shell('cat overwritten; cat touched')).toBe('old');
  });

  test('a changed file counts as pending until it is uploaded, and keeps its version then', async () => {
    await drive.upload();
    expect((await drive.stats()).pending).toBe(0);
    await drive.shell('echo edit > pending');
    expect((await drive.stats()).pending).toBe(1);
    const before = await version('pending');
    expect(await drive.upload()).toEqual({ pending: 'edit\n' });
    expect((await drive.stats()).pending).toBe(0);
    expect(await version('pending')).toBe(before);
    expect(await drive.upload()).toEqual({});
  });

  test('an uploaded file gives its space back and is fetched again as it was', async () => {
    await drive.shell('echo "give back" > given');
    expect(await drive.do({ do: 'free', path: 'given' })).toMatchObject({
      freedFiles: 0,
      kept: [{ path: 'given', reason: 'dirty' }],
    });
    await drive.upload();
    const before = await version('given');
    expect(await drive.do({ do: 'free', path: 'given' })).toMatchObject({ freedFiles: 1 });
    expect(await drive.shell('stat -c %b given; cat given')).toBe('0\ngive back\n');
    expect(await version('given')).toBe(before);
  });

  test('a half-written file is not taken up before it is closed', async () => {
    await drive.shell('echo whole > half');
    const closed = await version('half');
    const writing = drive.shell(
      `exec 3>> half 4> brand-new; echo part >&3; echo part >&4; touch ../ready; ${UNTIL_GO}; echo rest >&3`,
    );
    await drive.shell('for i in $(seq 100); do test -e ../ready && break; sleep 0.05; done');
    expect(await version('half')).toBe(closed);
    expect(await seen('half')).toMatchObject({ sizeBytes: 6 });
    expect(await seen('brand-new')).toBe('LOCAL_BUSY');
    expect(await drive.upload()).toMatchObject({ half: 'CHANGED' });
    expect(await drive.arrive({ path: 'half', content: 'theirs', version: 'x1' })).toEqual({
      half: 'CHANGED',
    });
    await drive.shell('touch ../go');
    await writing;
    expect(await drive.upload()).toMatchObject({
      half: 'whole\npart\nrest\n',
      'brand-new': 'part\n',
    });
    await drive.shell('rm ../go ../ready');
  });

  test('a safe save is one new version of the same file', async () => {
    await drive.arrive({ path: 'saved', content: 'old', version: 's1' });
    const before = await seen('saved');
    await drive.shell('cat saved; echo new > .saved.tmp; mv .saved.tmp saved');
    const after = await seen('saved');
    expect(after).toMatchObject({ identity: (before as ObservedFile).identity, sizeBytes: 4 });
    expect((after as ObservedFile).version).not.toBe((before as ObservedFile).version);
  });

  test("Ferry's own names are not taken up", async () => {
    await drive.shell(
      'mkdir .ferry; echo x > .ferry/x; echo x > .ferry-tmp-1; echo x > .ferryignore',
    );
    const names = Object.keys(await drive.observe()).filter((path) => path.startsWith('.ferry'));
    expect(names).toEqual(['.ferryignore']);
  });

  test('a read in the middle of a large file brings that part, not the file', async () => {
    const sizeBytes = 32 * 1024 * 1024;
    await drive.do({ do: 'arrive-generated', files: [{ path: 'large', seed: 5, sizeBytes }] });
    await drive.stats();
    await drive.shell('dd if=large bs=4k skip=5000 count=1 status=none | wc -c');
    const { fetchedBytes } = await drive.stats();
    if (capabilities.partialFetch) expect(fetchedBytes).toBeLessThan(sizeBytes / 8);
    else expect(fetchedBytes).toBe(sizeBytes);
  });

  test('the room that a file takes is shown once its content came', async () => {
    await drive.arrive({ path: 'room', content: 'x'.repeat(5000), version: 'q1' });
    const rooms = await drive.shell(`
      stat -c %b room; cat room > /dev/null
      for i in $(seq 40); do test "$(stat -c %b room)" -gt 0 && break; sleep 0.05; done
      stat -c %b room`);
    expect(rooms).toMatch(/^0\n1[06]\n$/);
  });

  test('who waits for content can be ended at once', async () => {
    const patient = await MountedDrive.start({ backend });
    try {
      await patient.arrive({ path: 'silent', content: 'silent', version: 'z1' });
      await patient.do({ do: 'network', state: 'silent' });
      const before = Date.now();
      const { code } = await patient.run(
        'timeout',
        '-s',
        'INT',
        '-k',
        '15',
        '0.3',
        'cat',
        'silent',
      );
      const took = Date.now() - before;
      if (capabilities.interruptible) expect([code, took < 1300]).toEqual([124, true]);
    } finally {
      await patient.dispose();
    }
  });
}
