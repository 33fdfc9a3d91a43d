import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ObservedFile } from '../../support/drive-host.ts';
import { whileNothingIsShown } from '../../support/held-up-changes.ts';
import { MountedDrive } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

/** A shell line that holds `path` open on descriptor 3 until a file `go` is made beside the drive. */
const UNTIL_GO = 'for i in $(seq 200); do test -e ../go && break; sleep 0.05; done';

/** Says which name the first event in a directory is about; ends without one after two seconds. */
const WATCH = `
  const fs = require('node:fs');
  fs.watch('watched', (_, name) => { console.log(name); process.exit(); });
  fs.writeFileSync('../watching', '');
  setTimeout(() => process.exit(1), 2000);
`;

/** What sync brings, and what it sees of what programs do. */
export function syncing({ backend, capabilities }: DriveWay): void {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend });
  });
  afterAll(() => drive.dispose());

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

  if (capabilities.notifies)
    test('a program that watches a directory is told what sync makes, changes and removes there', async () => {
      await drive.do({ do: 'make-directory', path: 'watched' });
      for (const change of [
        () => drive.arrive({ path: 'watched/new', content: 'one', version: 'w1' }),
        () => drive.arrive({ path: 'watched/new', content: 'other', version: 'w2' }),
        () => drive.do({ do: 'remove', path: 'watched/new' }),
      ]) {
        const watching = drive.run(process.execPath, '-e', WATCH);
        await drive.signalled('watching');
        await change();
        expect(await watching).toMatchObject({ code: 0, stdout: 'new\n' });
        await drive.shell('rm ../watching');
      }
    });

  if (capabilities.notifies && capabilities.placeholders)
    describe('what is shown late, when programs have changed the same names', () => {
      test('a file that sync brought does not come back by the name that a program has given to another', async () => {
        await whileNothingIsShown(drive, async () => {
          await drive.arrive({ path: 'brought', content: 'first', version: 'b1' });
          await drive.shell('test -s brought');
          await drive.arrive({ path: 'brought', content: 'second', version: 'b2' });
          await drive.shell('rm brought');
          await drive.arrive({ path: 'brought', content: 'third', version: 'b3' });
          await drive.shell('mv brought renamed; echo own > brought');
        });
        expect(await drive.shell('cat brought renamed')).toBe('own\nthird');
      });

      test('a file that sync has moved does not take the one along that a program has put in its old place', async () => {
        await drive.arrive({ path: 'old', content: 'moved', version: 'o1' });
        await drive.shell('test -s old; echo own > other');
        await whileNothingIsShown(drive, async () => {
          await drive.do({ do: 'move', from: 'old', to: 'new' });
          await drive.shell('mv other old');
        });
        expect(await drive.shell('cat old new')).toBe('own\nmoved');
      });

      test('a file that sync has moved, and the one that it has put in its old place since, are both seen', async () => {
        await drive.arrive({ path: 'left', content: 'moved', version: 'l1' });
        await drive.shell('test -s left');
        await whileNothingIsShown(drive, async () => {
          await drive.do({ do: 'move', from: 'left', to: 'right' });
          await drive.arrive({ path: 'left', content: 'brought', version: 'l2' });
        });
        expect(await drive.shell('cat left; echo; cat right')).toBe('brought\nmoved');
      });
    });

  test('who reads a file goes on reading the version that was opened', async () => {
    await drive.arrive({ path: 'read', content: 'a'.repeat(400_000), version: 'r1' });
    const reading = drive.shell(`
      exec 3< read; head -c 10 <&3 > /dev/null; touch ../ready; ${UNTIL_GO}
      cat <&3 | tr -d a | wc -c; head -c 5 read; stat -c %s read; exec 3<&-; sleep 0.1; cat read`);
    await drive.signalled('ready');
    await drive.arrive({ path: 'read', content: 'b', version: 'r2' });
    await drive.shell('touch ../go');
    // libfuse 2 tells files apart by path only: who opens it now gets what others still read.
    const opened = backend === 'fuse-native' ? 'aaaaa400000' : 'b1';
    expect(await reading).toBe(`0\n${opened}\nb`);
    await drive.shell('rm ../go ../ready');
  });

  test('a directory that is renamed keeps the identities and versions of all below it', async () => {
    await drive.shell('mkdir -p from/deep; echo x > from/deep/f');
    const before = (await drive.observe())['from/deep/f'];
    expect(before).toMatchObject({ kind: 'file', sizeBytes: 2 });
    await drive.shell('mv from to');
    const after = await drive.observe();
    expect(after['to/deep/f']).toEqual(before);
    expect(after['from']).toBeUndefined();
  });

  test('while sync changes a directory that programs rename, both see the same tree, and nothing else changes', async () => {
    await drive.shell('rm -rf ./*; mkdir swap swap/kept; echo kept > swap/kept/f');
    const renaming = drive.shell(`
      for i in $(seq 60); do
        mv swap away; mkdir swap; echo own > swap/p; test "$(cat swap/p)" = own
        mv swap "own-$i"; mv away swap; test "$(cat "own-$i/p" swap/kept/f)" = $'own\\nkept'
        rm -r "own-$i"
      done`);
    let isRenaming = true;
    void renaming.finally(() => {
      isRenaming = false;
    });
    for (let at = 0; isRenaming; at += 1) {
      const path = `swap/x${at % 5}`;
      // The directory is another one, or away, at any moment.
      const late = [
        drive.arrive({ path, content: `${at}`, version: `s${at}` }),
        drive.do({ do: 'move', from: `swap/x${(at + 1) % 5}`, to: `swap/y${at % 5}` }),
        drive.do({ do: 'remove', path: `swap/y${(at + 2) % 5}` }),
      ];
      await Promise.allSettled(late);
    }
    await renaming;
    const shown = await drive.shell("sleep 0.3; find . -type f -not -path './.ferry/*' | sort");
    const held = Object.entries(await drive.observe())
      .filter(([, entry]) => typeof entry === 'object' && entry.kind === 'file')
      .map(([path]) => `./${path}\n`)
      .sort();
    expect(shown).toBe(held.join(''));
    expect(await drive.shell('cat swap/kept/f; cat $(find swap -type f) > /dev/null')).toBe(
      'kept\n',
    );
  });

  test('what a program changed is not overwritten by what sync knew before', async () => {
    await drive.arrive({ path: 'mine', content: 'theirs', version: 'm1' });
    await drive.shell('cat mine');
    const { mine } = await drive.observe();
    await drive.shell('echo edited > mine');
    const late = drive.do({
      do: 'replace',
      path: 'mine',
      expected: (mine as ObservedFile).version,
    });
    expect(await late).toBe('CHANGED');
    expect(await drive.shell('cat mine')).toBe('edited\n');
  });

  test('after a restart the tree, the times and what is not uploaded yet are there, offline too', async () => {
    await drive.arrive({
      path: 'online',
      content: 'online',
      version: 'v1',
      mtimeNs: '1600000000123456789',
    });
    await drive.shell(
      'mkdir -p a/b; echo dirty > a/b/dirty; ln -s b a/link; touch -d 2001-02-03 a/b/dirty; chmod 700 a',
    );
    const before = await drive.observe();
    const { pending } = await drive.stats();
    const listed = await drive.shell('ls -lR --time-style=full-iso');
    await drive.stop();
    await drive.open();
    await drive.do({ do: 'network', state: 'offline' });
    await drive.do({ do: 'mount' });
    expect(await drive.observe()).toEqual(before);
    expect(await drive.shell('ls -lR --time-style=full-iso')).toBe(listed);
    expect(await drive.shell('cat a/link/dirty')).toBe('dirty\n');
    expect((await drive.stats()).pending).toBe(pending);
  });
}
