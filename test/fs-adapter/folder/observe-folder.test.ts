import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FolderScan } from '../../../fs-adapter/folder/observe-folder.ts';
import { RealNames } from '../../../fs-adapter/folder/real-names.ts';
import {
  type DirectoryListing,
  openSafeRoot,
  type SafeRoot,
  type SurveyRequest,
} from '../../../native/index.ts';
import { at, bytesIn, observeAll, put, versionOf } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { type FolderSetting, folderSetting } from './folder-setting.ts';

const NFC = 'caf\u00e9';
const NFD = 'cafe\u0301';

describe.each(availableBackends())('observing a folder (%s)', (backend) => {
  let setting: FolderSetting;
  const path = (name: string) => join(setting.absolutePath, name);

  beforeEach(async () => {
    setting = await folderSetting(backend);
  });
  afterEach(() => setting.close());

  it('reports FIFOs and sockets, names that are not UTF-8, and goes on', async () => {
    execFileSync('mkfifo', [path('fifo')]);
    fs.writeFileSync(Buffer.concat([Buffer.from(path('bad-')), Buffer.from([0xff])]), '');
    fs.writeFileSync(path('good'), '');
    const { order, problems } = await observeAll(setting.replica);
    expect(order).toEqual(['good']);
    expect(problems).toEqual(['bad-\uFFFD: NAME_NOT_ALLOWED', 'fifo: KIND_NOT_SUPPORTED']);
    await expect(setting.replica.stat(at('fifo'))).rejects.toMatchObject({
      code: 'KIND_NOT_SUPPORTED',
    });
  });

  it('shows decomposed names composed, and reaches the real ones', async () => {
    const { replica } = setting;
    fs.mkdirSync(path(`${NFD}/${NFD}`), { recursive: true });
    fs.writeFileSync(path(`${NFD}/${NFD}/${NFD}.txt`), 'content');
    const shown = `${NFC}/${NFC}/${NFC}.txt`;
    expect((await observeAll(replica)).order).toEqual([NFC, `${NFC}/${NFC}`, shown]);
    const expected = await versionOf(replica, shown);
    const read = await replica.read(at(shown), { expected });
    expect((await bytesIn(read)).toString()).toBe('content');
    await put(replica, shown, 'new', { expected });
    expect(fs.readFileSync(path(`${NFD}/${NFD}/${NFD}.txt`), 'utf8')).toBe('new');
    await replica.move(at(`${NFC}/${NFC}`), at('moved'), { expected: 'directory' });
    const moved = await versionOf(replica, `moved/${NFC}.txt`);
    await replica.remove(at(`moved/${NFC}.txt`), { expected: moved });
    await replica.remove(at('moved'), { expected: 'directory' });
    await replica.remove(at(NFC), { expected: 'directory' });
    expect((await observeAll(replica)).order).toEqual([]);
  });

  it('keeps the first of two names that differ in composition only', async () => {
    fs.writeFileSync(path(NFC), 'composed');
    fs.writeFileSync(path(NFD), 'decomposed');
    const { entries, problems } = await observeAll(setting.replica);
    expect(entries.get(NFC)).toMatchObject({ sizeBytes: 'decomposed'.length });
    expect(problems).toEqual([`${NFC}: NAME_NOT_ALLOWED`]);
  });

  it('reports a link with its target and does not follow it', async () => {
    fs.mkdirSync(path('real'));
    fs.writeFileSync(path('real/file'), '');
    fs.symlinkSync('real', path('link'));
    const { entries } = await observeAll(setting.replica);
    expect([...entries.keys()]).toEqual(['link', 'real', 'real/file']);
    expect(entries.get('link')).toMatchObject({ kind: 'symlink', target: 'real' });
  });

  it('gives no identity to a file with several names', async () => {
    fs.writeFileSync(path('one'), '');
    fs.linkSync(path('one'), path('two'));
    fs.writeFileSync(path('single'), '');
    const { entries } = await observeAll(setting.replica);
    expect(entries.get('one')?.identity).toBeUndefined();
    expect(entries.get('single')?.identity).toMatch(/^\d+:\d+$/);
  });

  it('does not enter another file system', async () => {
    if (process.getuid?.() !== 0) {
      process.stderr.write('not tested: mounting needs root\n');
      return;
    }
    fs.mkdirSync(path('mounted'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', path('mounted')]);
    try {
      fs.writeFileSync(path('mounted/file'), '');
      const { order, problems } = await observeAll(setting.replica);
      expect(order).toEqual([]);
      expect(problems).toEqual(['mounted: KIND_NOT_SUPPORTED']);
    } finally {
      execFileSync('umount', [path('mounted')]);
    }
  });

  it('writes nothing when nothing was left to clear away', async () => {
    await put(setting.replica, 'file', 'x');
    await observeAll(setting.replica);
    const before = fs.readdirSync(path('.ferry'), { recursive: true });
    const times = before.map((name) => fs.lstatSync(path(`.ferry/${name}`)).mtimeMs);
    await observeAll(setting.replica);
    await setting.replica.flush();
    expect(fs.readdirSync(path('.ferry'), { recursive: true })).toEqual(before);
    expect(before.map((name) => fs.lstatSync(path(`.ferry/${name}`)).mtimeMs)).toEqual(times);
  });

  it('keeps what is under a temporary name unless it has another name', async () => {
    fs.writeFileSync(path('file'), 'x');
    fs.linkSync(path('file'), path('.ferry-tmp-second-name'));
    fs.writeFileSync(path('.ferry-tmp-only-name'), 'someone wrote this');
    expect((await observeAll(setting.replica)).order).toEqual(['file']);
    expect(fs.readdirSync(setting.absolutePath).sort()).toEqual([
      '.ferry',
      '.ferry-tmp-only-name',
      'file',
    ]);
  });
});

describe('an unreadable directory', () => {
  it('is a problem of its own, and what is around it is seen', async () => {
    const setting = await folderSetting('javascript');
    fs.mkdirSync(join(setting.absolutePath, 'closed/inner'), { recursive: true });
    fs.mkdirSync(join(setting.absolutePath, 'open/inner'), { recursive: true });
    const root = await openSafeRoot(setting.absolutePath);
    const denying = new Proxy(root, {
      get: (target, key) =>
        key === 'survey'
          ? async (requests: readonly SurveyRequest[]) =>
              (await target.survey(requests)).map(
                (listing): DirectoryListing =>
                  listing.path === 'closed' ? { path: 'closed', errno: 'EACCES' } : listing,
              )
          : Reflect.get(target, key, target).bind?.(target),
    }) as SafeRoot;
    const seen: string[] = [];
    for await (const batch of new FolderScan(
      denying,
      new RealNames(),
      {},
      () => undefined,
    ).batches())
      for (const each of batch)
        seen.push(each.type === 'entry' ? each.entry.path : `${each.path}: ${each.error.code}`);
    expect(seen).toEqual(['closed', 'open', 'closed: LOCAL_PERMISSION', 'open/inner']);
    await root.close();
    await setting.close();
  });
});
