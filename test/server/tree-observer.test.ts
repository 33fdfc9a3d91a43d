import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isNativeAvailable, openSafeRoot, type SafeRoot, TreeWatch } from '../../native/index.ts';
import { ChangeTree } from '../../server/feed/change-tree.ts';
import { changesSince } from '../../server/feed/changes-since.ts';
import { FeedLog } from '../../server/feed/feed-log.ts';
import { TreeObserver } from '../../server/feed/tree-observer.ts';
import { Upkeep } from '../../server/feed/upkeep.ts';
import { recordingLogger } from './support/running-server.ts';

let directory: string;
let root: SafeRoot;
let tree: ChangeTree;
let observer: TreeObserver;
let logger: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  directory = fs.mkdtempSync(join(tmpdir(), 'ferry-observer-'));
  fs.mkdirSync(join(directory, 'a/b'), { recursive: true });
  root = await openSafeRoot(directory);
  tree = new ChangeTree();
  logger = recordingLogger();
});

afterEach(async () => {
  await observer.close();
  await root.close();
  fs.rmSync(directory, { recursive: true });
});

async function observe(openWatch: typeof TreeWatch.open | null): Promise<void> {
  observer = new TreeObserver({ root, tree, logger, onNoted: () => undefined, openWatch });
  await observer.open();
  await observer.upToDate();
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('watching is not tested: the addon is not built\n');

describeNative('what is known of the served tree', () => {
  it('is complete when the system refuses further watches, at the price of a look at everything', async () => {
    const limited: typeof TreeWatch.open = async (given, options) => {
      const watch = await TreeWatch.open(given, options);
      options.onEvents([{ type: 'unwatched', path: 'a', errno: 'ENOSPC' }]);
      return watch;
    };
    await observe(limited);
    expect(observer.isExact).toBe(false);
    expect(logger.lines.join()).toContain('max_user_watches');
    const { seq } = tree;
    fs.writeFileSync(join(directory, 'a/b/file'), '');
    fs.mkdirSync(join(directory, 'c/d'), { recursive: true });
    await Promise.all([observer.upToDate(), observer.upToDate()]);
    expect(changesSince(tree, '', seq)?.changes).toEqual(
      expect.arrayContaining([
        { type: 'listing', path: '' },
        { type: 'listing', path: 'a/b' },
        { type: 'tree', path: 'c', mayReplace: false },
      ]),
    );
  });

  it('takes in what nothing was heard of, when listings are compared', async () => {
    const log = await FeedLog.open(root, tree, logger);
    if (log === null) throw new Error('the log cannot be kept');
    let isDeaf = false;
    await observe((given, options) =>
      TreeWatch.open(given, {
        ...options,
        onEvents: (events) => {
          if (!isDeaf) options.onEvents(events);
        },
      }),
    );
    const upkeep = new Upkeep({ root, tree, log, observer, logger });
    await upkeep.verify();
    const { seq } = tree;
    await upkeep.verify();
    expect(changesSince(tree, '', seq)?.changes).toEqual([]);
    isDeaf = true;
    fs.writeFileSync(join(directory, 'a/b/unheard'), '');
    await upkeep.verify();
    expect(changesSince(tree, '', seq)?.changes).toEqual([{ type: 'listing', path: 'a/b' }]);
    expect(logger.lines.join()).toContain('nothing was heard of');
    await upkeep.close();
    await log.close();
  });
});
