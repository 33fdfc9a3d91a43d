import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import type { Replica } from '../../../core/ports.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';

const TIMEOUT_MS = 8000;

describe.each([
  { watcher: 'inotify', hasAddon: true },
  { watcher: '@parcel/watcher', hasAddon: false },
])('hints about changes from $watcher', ({ hasAddon }) => {
  let directory: string;
  let replica: Replica;
  let subscription: Subscription;
  let seen: string[];

  const eventually = async (condition: () => boolean) => {
    const end = Date.now() + TIMEOUT_MS;
    while (!condition() && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 25));
    return condition();
  };

  beforeEach(async () => {
    directory = fs.mkdtempSync('/tmp/ferry-test-');
    replica = await openFolderReplica({
      absolutePath: directory,
      deviceName: 'laptop',
      clock: realClock,
      logger: quietLogger,
      watch: true,
      ...(hasAddon ? {} : { backend: 'javascript' }),
    });
    await replica.identify({ create: true });
    seen = [];
    subscription = replica.changes$.subscribe((path) => seen.push(path));
    // The watcher says nothing when it is ready: probe until it sees something.
    const isReady = await eventually(() => {
      fs.writeFileSync(join(directory, 'probe'), `${Date.now()}`);
      return seen.includes('probe');
    });
    expect(isReady).toBe(true);
    seen.length = 0;
  });
  afterEach(async () => {
    subscription.unsubscribe();
    await replica.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('name what was written, and nothing of what Ferry keeps for itself', async () => {
    fs.writeFileSync(join(directory, '.ferry/private'), 'x');
    fs.writeFileSync(join(directory, '.ferry-tmp-x'), 'x');
    fs.writeFileSync(join(directory, 'file'), 'x');
    expect(await eventually(() => seen.includes('file'))).toBe(true);
    expect(seen.filter((path) => path.startsWith('.ferry'))).toEqual([]);
  });

  it('name a file once it is closed, not while it is written', async () => {
    const fd = fs.openSync(join(directory, 'slow'), 'w');
    for (let piece = 0; piece < 5; piece++) {
      fs.writeSync(fd, 'x');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const before = seen.filter((path) => path === 'slow').length;
    fs.closeSync(fd);
    expect(await eventually(() => seen.includes('slow'))).toBe(true);
    if (hasAddon) expect(before).toBe(0);
  });

  it('name a new directory, and later what is written deep in it', async () => {
    fs.mkdirSync(join(directory, 'a/b/c/d'), { recursive: true });
    const hints = hasAddon ? 1 : 2;
    expect(await eventually(() => seen.filter((path) => path === 'a').length >= hints)).toBe(true);
    const deep = join(directory, 'a/b/c/d/file');
    const isSeen = await eventually(() => {
      fs.writeFileSync(deep, `${Date.now()}`);
      return seen.includes('a/b/c/d/file');
    });
    expect(isSeen).toBe(true);
  });
});
