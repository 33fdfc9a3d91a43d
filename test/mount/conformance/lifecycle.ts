import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { abortConnection, mountAt, unmount } from '../../../fs-adapter/mount/mount-point.ts';
import { holdUpChanges } from '../../support/held-up-changes.ts';
import { MountedDrive, run } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

/** Mounting, unmounting, what is refused, and what a drive comes back with after its end. */
export function lifecycle({ backend, capabilities }: DriveWay): void {
  let drive: MountedDrive;
  beforeEach(async () => {
    drive = await MountedDrive.start({ backend });
  });
  afterEach(() => drive.dispose());

  test('after kill -9 the dead mount is cleaned up, and what was synced is there', async () => {
    await drive.shell('mkdir d; echo synced > d/f; sync d/f; mv d e; echo more >> e/f');
    // A name that has gone this very moment is in doubt: it may come again.
    const { d, ...before } = await drive.observe();
    await drive.kill();
    const dead = await run('ls', [drive.mountPoint]);
    expect(dead.stderr).toContain('not connected');
    await drive.open();
    await drive.do({ do: 'mount' });
    expect(await drive.shell('cat e/f')).toBe('synced\nmore\n');
    expect(await drive.observe()).toEqual(before);
  });

  if (capabilities.notifies && capabilities.placeholders)
    test('kill -9 while a change is being shown ends the process, and the calls that wait for it', async () => {
      const held = await holdUpChanges(drive);
      await delay(200);
      await drive.kill();
      await expect(held.cutting).rejects.toThrow('exit');
      await drive.open();
      await drive.do({ do: 'mount' });
      expect(await drive.shell('ls')).toBe('held up\n');
    });

  test('what programs wrote into the bare mount point while the drive was gone is put aside, whole', async () => {
    await drive.shell('echo on the drive > f');
    await drive.kill();
    const entry = await mountAt(drive.mountPoint);
    await abortConnection(entry?.minor ?? 0);
    await unmount(drive.mountPoint, { lazy: true });
    await fs.mkdir(join(drive.mountPoint, 'deep'));
    await fs.writeFile(join(drive.mountPoint, 'deep/f'), 'written meanwhile');
    await drive.open();
    await drive.do({ do: 'mount' });
    expect(await drive.shell('cat f; ls')).toBe('on the drive\nf\n');
    const [aside] = (await fs.readdir(drive.directory)).filter((name) => name.includes('('));
    expect(aside).toMatch(/^drive \(written while not mounted \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\)$/);
    const kept = join(drive.directory, aside ?? '', 'deep/f');
    expect(await fs.readFile(kept, 'utf8')).toBe('written meanwhile');
  });

  test('a drive inside a drive is refused, through a link too, and the outer one goes on', async () => {
    await fs.symlink(drive.mountPoint, join(drive.directory, 'link'));
    for (const mountPoint of [join(drive.mountPoint, 'sub'), join(drive.directory, 'link/sub')]) {
      const inner = await MountedDrive.start({ backend }).then(async (one) => {
        await one.stop();
        await one.open({ mountPoint });
        return one;
      });
      const refused = inner.do({ do: 'mount' });
      await expect(refused).rejects.toMatchObject({ code: 'MOUNT_BUSY' });
      await inner.dispose();
    }
    expect(await drive.shell('echo still here > f; cat f')).toBe('still here\n');
  });

  test('kill -9 in the middle of a write leaves a changed file, never one that counts as uploaded', async () => {
    await drive.shell('echo one > f; echo still > g');
    await drive.upload();
    const before = await drive.observe();
    const writing = drive.run('bash', '-c', 'exec 3>> f; echo two >&3; touch ../ready; sleep 2');
    await drive.signalled('ready');
    await drive.kill();
    await drive.open();
    await drive.do({ do: 'mount' });
    const after = await drive.observe();
    expect(new Map(Object.entries(after)).get('g')).toEqual(
      new Map(Object.entries(before)).get('g'),
    );
    expect(after).not.toEqual(before);
    expect((await drive.stats()).pending).toBe(1);
    expect(await drive.upload()).toMatchObject({ f: 'one\ntwo\n' });
    await writing;
  });

  test('one drive is opened by one process only', async () => {
    const second = drive.open();
    await expect(second).rejects.toMatchObject({ code: 'RECORD_LOCKED' });
  });

  test('a mount point that is not empty, no directory, or in use is refused', async () => {
    await drive.do({ do: 'unmount' });
    await fs.writeFile(join(drive.mountPoint, 'mine'), 'x');
    await expect(drive.do({ do: 'mount' })).rejects.toMatchObject({ code: 'MOUNT_BUSY' });
    expect(await fs.readFile(join(drive.mountPoint, 'mine'), 'utf8')).toBe('x');
    await fs.rm(drive.mountPoint, { recursive: true });
    await fs.writeFile(drive.mountPoint, 'x');
    await expect(drive.do({ do: 'mount' })).rejects.toMatchObject({ code: 'MOUNT_BUSY' });
    await fs.rm(drive.mountPoint);
    await drive.do({ do: 'mount' });
    const other = await MountedDrive.start({ backend }).then(async (one) => {
      await one.stop();
      await one.open({ mountPoint: drive.mountPoint });
      return one;
    });
    await expect(other.do({ do: 'mount' })).rejects.toMatchObject({ code: 'MOUNT_BUSY' });
    await other.dispose();
    await drive.shell('echo still mounted > f');
  });

  test('unmounting says that programs use the drive, and lazily lets them finish', async () => {
    await drive.shell('echo content > f');
    const reading = drive.run(
      'bash',
      '-c',
      `exec 3< f; touch ../ready; for i in $(seq 80); do test -e "$0/go" && break; sleep 0.05; done; cat <&3`,
      drive.directory,
    );
    await drive.signalled('ready');
    await expect(drive.do({ do: 'unmount' })).rejects.toMatchObject({ code: 'MOUNT_BUSY' });
    const leaving = drive.do({ do: 'unmount', lazy: true });
    while ((await mountAt(drive.mountPoint)) !== null) await fs.stat(drive.directory);
    await fs.writeFile(join(drive.directory, 'go'), '');
    expect((await reading).stdout).toBe('content\n');
    await leaving;
    await drive.do({ do: 'mount' });
    expect(await drive.shell('cat f')).toBe('content\n');
  });

  test('a mount point with quotes, blanks and dollar signs is mounted and unmounted, and nothing of it is run', async () => {
    await drive.stop();
    const mountPoint = join(drive.directory, 'it\'s $(touch ../run) "odd" ü');
    await drive.open({ mountPoint });
    await drive.do({ do: 'mount' });
    expect((await run('touch', ['f'], mountPoint)).code).toBe(0);
    await drive.do({ do: 'unmount' });
    expect(await mountAt(mountPoint)).toBeNull();
    expect(await fs.readdir(drive.directory)).not.toContain('run');
    expect(await fs.readdir(mountPoint)).toEqual([]);
  });

  test('unmounting loses nothing of what is not uploaded yet, and it can be counted', async () => {
    await drive.shell('echo one > a; echo two > b; mkdir d; echo three > d/c');
    await drive.do({ do: 'unmount' });
    expect((await drive.stats()).pending).toBe(3);
    expect(await drive.upload()).toEqual({ a: 'one\n', b: 'two\n', 'd/c': 'three\n' });
    await drive.do({ do: 'mount' });
    expect(await drive.shell('cat a b d/c')).toBe('one\ntwo\nthree\n');
  });

  test('what was open when the mount was aborted is let go of', async () => {
    await drive.arrive({ path: 'f', content: 'one', version: 'v1' });
    const holding = drive.run('bash', '-c', 'exec 3< f 4>> g; cat <&3; touch ../ready; sleep 1');
    await drive.signalled('ready');
    const entry = await mountAt(drive.mountPoint);
    await drive.do({ do: 'unmount', lazy: true });
    await abortConnection(entry?.minor ?? 0);
    await holding;
    await drive.do({ do: 'mount' });
    // libfuse 2 does not say when programs that were using the mount have ended.
    if (backend === 'native') expect((await drive.stats()).openHandles).toBe(0);
    expect(await drive.arrive({ path: 'f', content: 'other', version: 'v2' })).toEqual({});
    if (backend === 'native') expect(await drive.shell('cat f')).toBe('other');
  });

  test('a read-only drive refuses every change', async () => {
    const drive = await MountedDrive.start({ backend, readOnly: true });
    try {
      await drive.arrive({ path: 'f', content: 'content', version: 'v1' });
      expect(await drive.shell('cat f')).toBe('content');
      for (const line of [
        'echo x > f',
        'echo x > g',
        'rm f',
        'mv f g',
        'mkdir d',
        'chmod 600 f',
        'touch f',
      ])
        expect((await drive.run('bash', '-c', line)).stderr).toContain('Read-only file system');
    } finally {
      await drive.dispose();
    }
  });

  test('where the other side keeps no links, making one is refused', async () => {
    const drive = await MountedDrive.start({ backend, allowSymlinks: false });
    try {
      const { stderr } = await drive.run('ln', '-s', 'a', 'b');
      expect(stderr).toContain('Operation not permitted');
    } finally {
      await drive.dispose();
    }
  });
}
