import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KindName } from '../../../fs-adapter/mount/shown-tree.ts';
import type { ObservedFile } from '../../support/drive-host.ts';
import { MountedDrive, mountableKinds } from '../../support/mounted-drive.ts';

const KINDS = await mountableKinds();
const describeMounted =
  KINDS.length > 0 ? describe.each(KINDS) : describe.skip.each<KindName>(['native']);

/** A shell line that holds `path` open on descriptor 3 until a file `go` is made beside the drive. */
const UNTIL_GO = 'for i in $(seq 200); do test -e ../go && break; sleep 0.05; done';

describeMounted('a mounted drive (%s) and what sync does to it', (backend) => {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend, hydrateStallMs: 500 });
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

  test('what arrives, moves and goes on the other side shows within a second', async () => {
    await drive.shell('ls; cat arrives 2>/dev/null || true');
    await drive.arrive({ path: 'arrives', content: 'one', version: 'a1' });
    expect(await drive.shell('cat arrives')).toBe('one');
    await drive.arrive({ path: 'arrives', content: 'one and more', version: 'a2' });
    expect(await drive.shell('cat arrives; stat -c %s arrives')).toBe('one and more12\n');
    await drive.arrive({ path: 'arrives', content: '2', version: 'a3' });
    expect(await drive.shell('cat arrives; stat -c %s arrives')).toBe('21\n');
    await drive.do({ do: 'move', from: 'arrives', to: 'moved' });
    await drive.shell('sleep 0.6; test ! -e arrives; test -e moved');
    await drive.do({ do: 'remove', path: 'moved' });
    await drive.shell('sleep 0.6; test ! -e moved');
  });

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

  test('who reads a file goes on reading the version that was opened', async () => {
    await drive.arrive({ path: 'read', content: 'a'.repeat(400_000), version: 'r1' });
    const reading = drive.shell(`
      exec 3< read; head -c 10 <&3 > /dev/null; touch ../ready; ${UNTIL_GO}
      cat <&3 | tr -d a | wc -c; head -c 5 read; stat -c %s read; exec 3<&-; sleep 0.1; cat read`);
    await drive.shell('for i in $(seq 100); do test -e ../ready && break; sleep 0.05; done');
    await drive.arrive({ path: 'read', content: 'b', version: 'r2' });
    await drive.shell('touch ../go');
    // fuse-native's kernel tells files apart by path only: who opens it now gets what others still read.
    const opened = backend === 'native' ? 'b1' : 'aaaaa400000';
    expect(await reading).toBe(`0\n${opened}\nb`);
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

  test('a directory that is renamed keeps the identities and versions of all below it', async () => {
    await drive.shell('mkdir -p from/deep; echo x > from/deep/f');
    const before = await seen('from/deep/f');
    await drive.shell('mv from to');
    expect(await seen('to/deep/f')).toEqual(before);
    expect(await seen('from')).toBeUndefined();
  });

  test("Ferry's own names are not taken up", async () => {
    await drive.shell(
      'mkdir .ferry; echo x > .ferry/x; echo x > .ferry-tmp-1; echo x > .ferryignore',
    );
    const names = Object.keys(await drive.observe()).filter((path) => path.startsWith('.ferry'));
    expect(names).toEqual(['.ferryignore']);
  });
});
