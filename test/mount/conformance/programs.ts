import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MountedDrive } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

/** Programs as people use them, and what they read and leave. */
export function programs({ backend, capabilities }: DriveWay): void {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend });
  });
  afterAll(() => drive.dispose());

  test('ls, find and du show the whole tree with true sizes and fetch nothing', async () => {
    await drive.do({ do: 'make-directory', path: 'tree' });
    await drive.do({ do: 'make-directory', path: 'tree/deep' });
    await drive.arrive(
      {
        path: 'tree/one.txt',
        content: 'x'.repeat(5000),
        version: 't1',
        mtimeNs: '1600000000000000000',
      },
      { path: 'tree/deep/two.txt', content: 'two', version: 't2' },
    );
    const listed = await drive.shell('ls -lR --time-style=full-iso tree');
    expect(listed).toMatch(/5000 2020-09-13 12:26:40.000000000 \S+ one\.txt/);
    expect((await drive.shell('find tree -type f | sort')).split('\n')).toEqual([
      'tree/deep/two.txt',
      'tree/one.txt',
      '',
    ]);
    if (!capabilities.placeholders) return;
    expect(await drive.shell('du -s --apparent-size -B1 tree | cut -f1')).toBe('5003\n');
    expect(await drive.shell('stat -c %b tree/one.txt')).toBe('0\n');
    expect((await drive.stats()).fetched).toEqual([]);
  });

  test('several who read a file at once get its whole content, fetched once', async () => {
    const content = Buffer.alloc(300_001, 'ferry 0123456789');
    await drive.arrive({ path: 'big.bin', content, version: 'b1' });
    const sum = createHash('sha256').update(content).digest('hex');
    const sums = await drive.shell(
      'sha256sum big.bin & sha256sum big.bin & sha256sum big.bin & wait; sha256sum big.bin',
    );
    expect(sums).toBe(`${sum}  big.bin\n`.repeat(4));
    if (capabilities.placeholders) expect((await drive.stats()).fetchedBytes).toBe(content.length);
  });

  test('cp -a takes a tree in and out with its content, modes, links and times', async () => {
    const fraction = capabilities.timePrecisionNs === 1n ? '123456789' : '123000000';
    const out = await drive.shell(`
      src=$(mktemp -d ../src.XXXX); mkdir "$src/a"; echo one > "$src/a/f"; chmod 750 "$src/a/f"
      head -c 200000 /dev/urandom > "$src/a/random"; ln -s f "$src/a/link"
      touch -d '2019-05-06 07:08:09.${fraction}' "$src/a/f"
      cp -a "$src/a" copied; cp -a copied ../back
      diff -r "$src/a" ../back; stat -c '%a %y' ../back/f; readlink ../back/link; rm -r ../back "$src"`);
    expect(out).toBe(`750 2019-05-06 07:08:09.${fraction} +0000\nf\n`);
  });

  test('tar takes a tree in and out', async () => {
    const out = await drive.shell(`
      mkdir packed; for i in 1 2 3; do head -c 70000 /dev/urandom > packed/$i; done
      touch -d 2001-02-03 packed/1
      tar cf ../t.tar packed; mkdir unpacked; tar xf ../t.tar -C unpacked
      diff -r packed unpacked/packed && echo same; stat -c %Y unpacked/packed/1`);
    // libfuse 2 drops a modification time that comes alone.
    const time = capabilities.setsModifiedAlone ? '981158400' : String.raw`\d+`;
    expect(out).toMatch(new RegExp(`^same\n${time}\n$`));
  });

  test('git makes a repository, commits, and cleans it up', async () => {
    const out = await drive.shell(`
      git init -q repo; cd repo; git config user.email a@b.c; git config user.name n
      for i in 1 2 3 4 5; do echo $i > f$i; git add .; git commit -qm $i; done
      git gc -q; git fsck --strict; git mv f1 g1; git commit -qm moved; git status --porcelain
      git log --oneline | wc -l; git clone -q . ../cloned; cat ../cloned/g1`);
    expect(out).toBe('6\n1\n');
  });

  test('vim saves a file', async () => {
    await drive.shell('echo old > note.txt; chmod 640 note.txt');
    const { code, stderr } = await drive.run(
      'vim.tiny',
      '-es',
      '-u',
      'NONE',
      '-c',
      'set backup writebackup backupcopy=no backupskip=',
      '-c',
      '%s/old/new/',
      '-c',
      'wq',
      'note.txt',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(await drive.shell("cat note.txt; stat -c %a note.txt; cat 'note.txt~'")).toBe(
      'new\n640\nold\n',
    );
  });

  test('sed -i replaces a placeholder by its edited content', async () => {
    await drive.arrive({ path: 'sed.txt', content: 'old words\n', version: 's1' });
    expect(await drive.shell('sed -i s/old/new/ sed.txt; cat sed.txt')).toBe('new words\n');
  });

  test('a directory is renamed with what is open in it, and removed whole', async () => {
    const out = await drive.shell(`
      mkdir -p dir/sub; echo a > dir/sub/f; exec 3<> dir/sub/f; mv dir moved; echo b >&3; exec 3>&-
      cat moved/sub/f; ls; rm -r moved; test ! -e moved && echo gone`);
    expect(out).toMatch(/^b\n/);
    expect(out).toMatch(/gone\n$/);
  });

  test('python maps a file into memory and changes it', async () => {
    const script = `
import mmap, os
with open('mapped', 'wb') as f: f.write(b'a' * 200000)
with open('mapped', 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0)
    m[100000:100005] = b'FERRY'
    m.flush(); m.close()
with open('mapped', 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0)
    m[5:10] = b'later'
    del m
`;
    const { code, stderr } = await drive.run('python3', '-c', script);
    expect([code, stderr]).toEqual([0, '']);
    expect(
      await drive.shell('dd if=mapped bs=1 skip=99999 count=7 status=none; head -c 11 mapped'),
    ).toBe('aFERRYaaaaaalatera');
    const uploaded = new Map(Object.entries(await drive.upload()));
    expect(uploaded.get('mapped')?.slice(5, 10)).toBe('later');
  });
}
