import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  isNativeAvailable,
  openSafeRoot,
  type SafeRoot,
  type TreeEvent,
  TreeWatch,
} from '../../native/index.ts';

let outside: string;

let directory: string;
let root: SafeRoot;
let watch: TreeWatch;
let events: TreeEvent[];
let directories: string[];

const at = (path: string): string => join(directory, path);

/** What is heard of everything done so far, each as one short text. */
async function heard(): Promise<readonly string[]> {
  await watch.drain();
  return events.splice(0).map((event) => {
    switch (event.type) {
      case 'changed':
        return `${event.how} ${event.path}`;
      case 'moved':
        return `moved ${event.from} ${event.path}`;
      case 'overflow':
        return 'overflow';
      default:
        return `${event.type} ${event.path}`;
    }
  });
}

async function watchTree(...made: readonly string[]): Promise<void> {
  for (const path of made) fs.mkdirSync(at(path), { recursive: true });
  const opened = await TreeWatch.open(root, {
    ignores: (path) => path === '.ferry' || path.endsWith('/ignored'),
    onEvents: (some) => events.push(...some),
    onDirectory: (path) => directories.push(path),
  });
  if (opened === null) throw new Error('the tree cannot be watched');
  watch = opened;
  await watch.start();
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('watching is not tested: the addon is not built\n');

describeNative('a watch on a tree', () => {
  beforeEach(async () => {
    directory = fs.mkdtempSync(join(tmpdir(), 'ferry-watch-'));
    outside = fs.mkdtempSync(join(tmpdir(), 'ferry-watch-outside-'));
    root = await openSafeRoot(directory);
    events = [];
    directories = [];
  });

  afterEach(async () => {
    await watch.close();
    await root.close();
    fs.rmSync(directory, { recursive: true });
    fs.rmSync(outside, { recursive: true });
  });

  it('knows at once of what was done before it is asked', async () => {
    await watchTree('a/b');
    expect(directories).toEqual(['', 'a', 'a/b']);
    fs.writeFileSync(at('a/b/file'), 'content');
    expect(await heard()).toEqual(['made a/b/file', 'written a/b/file', 'closed a/b/file']);
    fs.renameSync(at('a/b/file'), at('a/other'));
    fs.chmodSync(at('a/other'), 0o600);
    fs.rmSync(at('a/other'));
    expect(await heard()).toEqual([
      'gone a/b/file',
      'made a/other',
      'attributes a/other',
      'gone a/other',
    ]);
  });

  it('tells without being asked, within a few milliseconds', async () => {
    await watchTree('a');
    fs.writeFileSync(at('a/file'), '');
    for (let turn = 0; turn < 200 && events.length === 0; turn++) await sleep(1);
    expect(events[0]).toMatchObject({ type: 'changed', path: 'a/file' });
  });

  it('follows a renamed directory with everything in it', async () => {
    await watchTree('a/b/c', 'elsewhere');
    fs.renameSync(at('a'), at('elsewhere/z'));
    fs.writeFileSync(at('elsewhere/z/b/c/file'), '');
    expect(await heard()).toEqual([
      'moved a elsewhere/z',
      'made elsewhere/z/b/c/file',
      'closed elsewhere/z/b/c/file',
    ]);
    fs.renameSync(at('elsewhere/z'), at('y'));
    fs.renameSync(at('y'), at('x'));
    fs.rmSync(at('x/b/c/file'));
    expect(await heard()).toEqual(['moved elsewhere/z y', 'moved y x', 'gone x/b/c/file']);
    expect(watch.size).toBe(5);
  });

  it('hears of what happens in new directories from their first moment', async () => {
    await watchTree();
    for (let round = 0; round < 20; round++) {
      const top = `new ${round}`;
      fs.mkdirSync(at(`${top}/a/b/c`), { recursive: true });
      expect(await heard()).toEqual([`appeared ${top}`]);
      expect(directories.splice(0).slice(-4)).toEqual([
        top,
        `${top}/a`,
        `${top}/a/b`,
        `${top}/a/b/c`,
      ]);
      fs.writeFileSync(at(`${top}/a/b/c/file`), '');
      expect(await heard()).toContain(`made ${top}/a/b/c/file`);
    }
  });

  it('lets go of a tree that is moved out, and looks into one that is moved in', async () => {
    await watchTree('a/b', 'stays');
    fs.renameSync(at('a'), join(outside, 'a'));
    expect(await heard()).toEqual(['gone a']);
    expect(watch.size).toBe(2);
    fs.writeFileSync(join(outside, 'a/b/unheard'), '');
    expect(await heard()).toEqual([]);
    fs.renameSync(join(outside, 'a'), at('stays/a'));
    fs.writeFileSync(at('stays/a/b/file'), '');
    expect(await heard()).toEqual(['appeared stays/a']);
    expect(directories.slice(-2)).toEqual(['stays/a', 'stays/a/b']);
  });

  it('is not misled by two directories that change places', async () => {
    await watchTree('one/of-one', 'two/of-two');
    await root.rename('one', 'two', 'exchange');
    await heard();
    fs.writeFileSync(at('two/of-one/file'), '');
    fs.writeFileSync(at('one/of-two/file'), '');
    expect(await heard()).toEqual([
      'made two/of-one/file',
      'closed two/of-one/file',
      'made one/of-two/file',
      'closed one/of-two/file',
    ]);
    expect(watch.size).toBe(5);
  });

  it('is not misled by a name that another directory has got meanwhile', async () => {
    await watchTree();
    fs.mkdirSync(at('p'));
    fs.renameSync(at('p'), at('q'));
    fs.mkdirSync(at('p'));
    await heard();
    fs.writeFileSync(at('p/in-p'), '');
    fs.writeFileSync(at('q/in-q'), '');
    const after = await heard();
    expect(after).toContain('made p/in-p');
    expect(after).toContain('made q/in-q');
    expect(watch.size).toBe(3);
  });

  it('says so when the kernel lost track, and then looks through the whole tree', async () => {
    await watchTree('a', 'gone');
    directories.length = 0;
    const limit = Number(fs.readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    for (let count = 0; count <= limit / 2 + 1; count++) {
      fs.chmodSync(at('a'), 0o755); // two events: of the directory itself, and of its name
      fs.chmodSync(at('gone'), 0o755);
    }
    fs.mkdirSync(at('unheard/b'), { recursive: true });
    fs.rmdirSync(at('gone'));
    const after = await heard();
    expect(after).toContain('overflow');
    expect(after.at(-1)).toBe('gone gone');
    expect(directories).toEqual(['', 'a', 'unheard', 'unheard/b']);
    fs.writeFileSync(at('unheard/b/file'), '');
    expect(await heard()).toContain('made unheard/b/file');
  });

  it('neither enters nor mentions what is ignored', async () => {
    await watchTree('.ferry/stage', 'a/ignored');
    fs.writeFileSync(at('.ferry/stage/file'), '');
    fs.writeFileSync(at('a/ignored/file'), '');
    fs.mkdirSync(at('ignored'));
    expect(await heard()).toEqual(['appeared ignored']);
    expect(directories).toEqual(['', 'a', 'ignored']);
  });

  it('says which directory it cannot hear of', async () => {
    if (process.getuid?.() === 0) {
      process.stderr.write('unreadable directories are not tested: root reads everything\n');
      await watchTree();
      return;
    }
    await watchTree('closed');
    fs.chmodSync(at('closed'), 0);
    fs.renameSync(at('closed'), join(outside, 'closed'));
    await heard();
    fs.renameSync(join(outside, 'closed'), at('closed'));
    expect(await heard()).toEqual(['appeared closed', 'unwatched closed']);
    fs.chmodSync(at('closed'), 0o700);
    expect(await heard()).toEqual(['attributes closed', 'appeared closed']);
  });
});

describe('a tree that cannot be watched', () => {
  it('is one without the addon', async () => {
    const made = fs.mkdtempSync(join(tmpdir(), 'ferry-watch-'));
    const plain = await openSafeRoot(made, { backend: 'javascript' });
    const none = await TreeWatch.open(plain, { ignores: () => false, onEvents: () => undefined });
    expect(none).toBeNull();
    await plain.close();
    fs.rmdirSync(made);
  });
});
