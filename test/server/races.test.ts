import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openSafeRoot, type SafeRoot } from '../../native/index.ts';
import type { ResourcePath } from '../../server/request-path.ts';
import { GroupSync } from '../../server/storage/group-sync.ts';
import { PathTurns } from '../../server/storage/path-turns.ts';
import { swapExpected } from '../../server/storage/swap.ts';
import { type Fixture, startServer } from './support/running-server.ts';

let directory: string;
let root: SafeRoot;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-races-'));
  root = await openSafeRoot(directory);
});

afterEach(async () => {
  await root.close();
  await rm(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);

/** The same root, but another program acts right before the renames named by their number. */
function interrupted(acts: Readonly<Record<number, () => Promise<void>>>): SafeRoot {
  let renames = 0;
  return new Proxy(root, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'rename') return value.bind(target);
      return async (...args: Parameters<SafeRoot['rename']>) => {
        await acts[++renames]?.();
        return await target.rename(...args);
      };
    },
  });
}

describe('a swap', () => {
  const path = 'file' as ResourcePath;

  async function expected() {
    await writeFile(at('file'), 'old');
    await writeFile(at('staged'), 'new');
    const stat = await root.stat('file');
    if (stat === null) throw new Error('the file was just written');
    return stat;
  }

  test('replaces the expected state and hands over what was displaced', async () => {
    expect(await swapExpected(root, 'staged', path, await expected())).toBe(true);
    expect(await readFile(at('file'), 'utf8')).toBe('new');
    expect(await readFile(at('staged'), 'utf8')).toBe('old');
  });

  test('puts back an edit that slipped in after the decision', async () => {
    const stat = await expected();
    const edit = interrupted({ 1: () => writeFile(at('file'), 'an edit') });
    expect(await swapExpected(edit, 'staged', path, stat)).toBe(false);
    expect(await readFile(at('file'), 'utf8')).toBe('an edit');
    expect(await readFile(at('staged'), 'utf8')).toBe('new');
  });

  test('keeps every one of two edits that slip in', async () => {
    const stat = await expected();
    const edits = interrupted({
      1: () => writeFile(at('file'), 'first edit'),
      2: async () => {
        await writeFile(at('saved'), 'second edit');
        await rename(at('saved'), at('file'));
      },
    });
    expect(await swapExpected(edits, 'staged', path, stat)).toBe(false);
    const names = await readdir(directory);
    const contents = await Promise.all(names.map((name) => readFile(at(name), 'utf8')));
    expect(contents).toEqual(expect.arrayContaining(['first edit', 'second edit']));
    expect(names).not.toContain('staged');
  });
});

describe('the group sync', () => {
  function countingSync() {
    const calls: string[] = [];
    const slowly = (name: string) => async () => {
      calls.push(name);
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const fake = {
      syncFileSystem: slowly('all'),
      syncDirectory: slowly('directory'),
    } as unknown as SafeRoot;
    return { calls, sync: new GroupSync(fake) };
  }

  test('syncs one alone by itself, and those that wait together at once', async () => {
    const { calls, sync } = countingSync();
    await sync.directories('a');
    expect(calls).toEqual(['directory']);
    await Promise.all([sync.directories('a'), sync.directories('b'), sync.directories('c')]);
    expect(calls).toEqual(['directory', 'directory', 'all']);
  });

  test('syncs everything when a directory was moved away before its turn', async () => {
    const { calls } = countingSync();
    const gone = Object.assign(new Error('gone'), { code: 'ENOENT' });
    const fake = {
      syncFileSystem: () => Promise.resolve(calls.push('all')),
      syncDirectory: () => Promise.reject(gone),
    } as unknown as SafeRoot;
    await new GroupSync(fake).directories('a');
    expect(calls).toEqual(['all']);
  });

  test('fails all that waited for a sync that failed, and goes on', async () => {
    const error = Object.assign(new Error('broken disk'), { code: 'EIO' });
    let isBroken = true;
    const syncDirectory = () => (isBroken ? Promise.reject(error) : Promise.resolve());
    const sync = new GroupSync({
      syncDirectory,
      syncFileSystem: syncDirectory,
    } as unknown as SafeRoot);
    const results = await Promise.allSettled([sync.directories('a'), sync.directories('b')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    await sync.directories('a');
  });
});

test('turns on one path are taken one after the other, on others at the same time', async () => {
  const turns = new PathTurns();
  const running: string[] = [];
  let most = 0;
  const step = (paths: string[]) => () =>
    turns.run(paths, async () => {
      running.push(...paths);
      most = Math.max(most, running.filter((path) => path === 'a').length);
      await new Promise((resolve) => setTimeout(resolve, 2));
      for (const path of paths) running.splice(running.indexOf(path), 1);
    });
  const steps = Array.from({ length: 30 }, (_, n) =>
    step([['a'], ['a', 'b'], ['b', 'a']][n % 3] ?? []),
  );
  await Promise.all(steps.map((run) => run()));
  expect(most).toBe(1);
  await expect(turns.run(['a'], () => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(await turns.run(['a'], () => Promise.resolve('free'))).toBe('free');
});

describe('a full disk', () => {
  const mounted = (() => {
    const probe = spawnSync('unshare', ['-m', 'true']);
    return process.platform === 'linux' && process.getuid?.() === 0 && probe.status === 0;
  })();
  if (!mounted) process.stderr.write('skipped: a full disk needs root and mount(8)\n');
  let site: Fixture;

  (mounted ? test : test.skip)(
    'answers 507 to a body that stops fitting, keeps the old file, and serves on',
    async () => {
      const mount = ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory];
      if (spawnSync('mount', mount).status !== 0) {
        process.stderr.write('skipped: mounting a tmpfs is not permitted here\n');
        return;
      }
      try {
        site = await startServer({ directory });
        expect((await site.ask('PUT', '/kept', {}, 'old')).status).toBe(201);
        const chunked = { 'transfer-encoding': 'chunked' };
        const large = Buffer.alloc(4 * 1024 * 1024);
        const answer = await site.ask('PUT', '/kept', chunked, large);
        expect(answer.status).toBe(507);
        expect(answer.body).toContain('sufficient-disk-space');
        expect((await site.ask('PUT', '/announced', {}, large)).status).toBe(507);
        expect((await site.ask('GET', '/kept')).body).toBe('old');
        expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
        expect((await site.ask('PUT', '/small', {}, 'fits')).status).toBe(201);
        await site.server.close();
      } finally {
        spawnSync('umount', ['-l', directory]);
      }
    },
    30_000,
  );
});
