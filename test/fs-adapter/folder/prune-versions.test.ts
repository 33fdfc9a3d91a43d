import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { KeepVersions } from '../../../core/model/keep-versions.ts';
import { runFolderName } from '../../../core/model/version-folder.ts';
import type { Replica, StoredVersion } from '../../../core/ports.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { at, observeAll, put } from '../../conformance/setting.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 31, 12);

describe('versions are removed', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let replica: Replica;
  const path = (name: string) => join(folder.path, '.ferry/versions', name);

  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-prune');
  });
  afterEach(async () => {
    await replica.close();
    await folder.close();
  });

  async function open(keepVersions: KeepVersions = {}): Promise<void> {
    replica = await openFolderReplica({
      absolutePath: folder.path,
      deviceName: 'laptop',
      clock: { now: () => NOW_MS, sleep: async () => undefined },
      logger: quietLogger,
      keepVersions,
    });
    await replica.identify({ create: true });
  }

  /** Puts a version into the store as a run `days` ago would have. */
  function keep(name: string, days: number, content = 'x', isOnlyCopy = false): string {
    const run = runFolderName(NOW_MS - days * DAY_MS, isOnlyCopy);
    const file = path(`${run}/${name}`);
    fs.mkdirSync(dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    fs.writeFileSync(path(`${run}.ndjson`), '');
    return run;
  }

  const prune = (reached: readonly string[] = []) =>
    replica.versions?.prune({
      reached: async (versions) => new Set(versions.filter((one) => reached.includes(one.path))),
    });

  async function left(): Promise<readonly string[]> {
    const found: StoredVersion[] = [];
    for await (const batch of replica.versions?.list(at('')) ?? []) found.push(...batch);
    return found.map((one) => `${one.path} ${(NOW_MS - one.keptAtMs) / DAY_MS}`).sort();
  }

  it('when they are older than 30 days, with their folder and the notes about it, and nothing else', async () => {
    await open();
    const old = keep('a/b/file', 31);
    keep('a/b/file', 29);
    fs.mkdirSync(path('notes of the user'));
    expect(await prune()).toEqual({ versions: 1, bytes: 1 });
    expect(await left()).toEqual(['a/b/file 29']);
    expect(fs.existsSync(path(old))).toBe(false);
    expect(fs.existsSync(path(`${old}.ndjson`))).toBe(false);
    expect(fs.existsSync(path('notes of the user'))).toBe(true);
  });

  it('after as many days as the pair says', async () => {
    await open({ days: 7 });
    keep('file', 8);
    keep('file', 6);
    await prune();
    expect(await left()).toEqual(['file 6']);
  });

  it('when there is no room for them: earlier ones first, the newest of each path last', async () => {
    await open({ bytes: 30 });
    keep('seldom', 20, 'x'.repeat(10));
    keep('often', 10, 'x'.repeat(10));
    keep('often', 9, 'x'.repeat(10));
    keep('often', 8, 'x'.repeat(10));
    await prune();
    expect(await left()).toEqual(['often 8', 'often 9', 'seldom 20']);
    await replica.close();
    await open({ bytes: 10 });
    await put(replica, 'new', 'y');
    const entry = await replica.stat(at('new'));
    await replica.remove(at('new'), { expected: entry?.version ?? 'directory' });
    await prune();
    expect((await left()).filter((one) => !one.startsWith('new'))).toEqual([]);
  });

  it('never while the other side does not have their content', async () => {
    await open({ bytes: 0 });
    keep('lost', 300, 'only here', true);
    keep('sent', 300, 'meanwhile sent', true);
    keep('plain', 300);
    await prune(['sent']);
    expect(await left()).toEqual(['lost 300']);
  });

  it('at most once a day while nothing new is displaced', async () => {
    await open();
    await prune();
    keep('file', 31);
    await replica.close();
    await open();
    expect(await prune()).toEqual({ versions: 0, bytes: 0 });
    const { version } = await put(replica, 'other', 'one');
    await put(replica, 'other', 'two', { expected: version });
    expect(await prune()).toEqual({ versions: 1, bytes: 1 });
  });

  it('by a run, not by looking', async () => {
    await open();
    keep('file', 31);
    await observeAll(replica);
    expect(await left()).toEqual(['file 31']);
  });
});
