import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isNativeAvailable, openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { Feed, type FeedAnswer, type FeedSettings } from '../../server/feed/feed.ts';
import { quietLogger } from '../support/quiet.ts';

let directory: string;
let root: SafeRoot;
let feed: Feed;

const at = (path: string): string => join(directory, path);

/** Makes directories with a file in each, and begins a feed. */
async function begin(...paths: readonly string[]): Promise<void> {
  await beginWith({}, paths);
}

async function beginWith(settings: FeedSettings, paths: readonly string[]): Promise<void> {
  directory = fs.mkdtempSync(join(tmpdir(), 'ferry-moves-'));
  for (const path of paths) {
    fs.mkdirSync(at(path), { recursive: true });
    fs.writeFileSync(join(at(path), 'file'), '');
  }
  root = await openSafeRoot(directory);
  fs.mkdirSync(at('.ferry'), { recursive: true });
  const opened = await Feed.open({ ...settings, root, logger: quietLogger });
  if (opened === null) throw new Error('there is no feed');
  feed = opened;
}

async function answerTo(cursor: string, path = ''): Promise<FeedAnswer> {
  const answer = await feed.since('', path, cursor);
  if (answer === null) throw new Error('the cursor is not followed');
  return answer;
}

/** What an answer says: moves as `from > to`, new trees as `+path`. */
function summaryOf({ moves, changes }: FeedAnswer): readonly string[] {
  return [
    ...moves.map(({ from, path }) => `${from} > ${path}`),
    ...changes.flatMap((change) => (change.type === 'tree' ? [`+${change.path}`] : [])),
  ];
}

/** Answers, for the collection, what was done. */
async function afterwards(
  path: string,
  ...acts: readonly (() => void)[]
): Promise<readonly string[]> {
  const cursor = await feed.now('', path);
  for (const act of acts) {
    act();
    await feed.now('', ''); // the feed hears of each by itself
  }
  const answer = await answerTo(cursor, path);
  await answer.end();
  return summaryOf(answer);
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('moves are not tested: the addon is not built\n');

describeNative('a directory is told', () => {
  afterEach(async () => {
    await feed.close();
    await root.close();
    fs.rmSync(directory, { recursive: true });
  });

  it('as moved, step by step, to whoever knows it', async () => {
    await begin('a/b', 'c');
    const said = await afterwards('', () => {
      fs.renameSync(at('a'), at('c/x'));
      fs.renameSync(at('c/x/b'), at('b'));
      fs.renameSync(at('c'), at('z'));
    });
    expect(said).toEqual(['a > c/x', 'c/x/b > b', 'c > z']);
  });

  it('as new to whoever asks about a collection that it came into, with what left it there', async () => {
    await begin('out/e', 'a');
    const said = await afterwards('a', () => {
      fs.renameSync(at('out'), at('a/in'));
      fs.renameSync(at('a/in'), at('a/moved'));
      fs.renameSync(at('a/moved/e'), at('a/e'));
    });
    expect([...said].sort()).toEqual(['+e', '+moved']);
  });

  it('as new when it went through a directory that is new', async () => {
    await begin('known/deep');
    const said = await afterwards(
      '',
      () => fs.mkdirSync(at('new')),
      () => fs.renameSync(at('known'), at('new/known')),
      () => fs.renameSync(at('new/known/deep'), at('deep')),
    );
    expect([...said].sort()).toEqual(['+deep', '+new']);
  });

  it('as new when it moved while the answer before was looked up, which may have missed it', async () => {
    await begin('a/b', 'other');
    const cursor = await feed.now('', '');
    fs.writeFileSync(at('other/file'), 'changed');
    const answer = await answerTo(cursor);
    fs.renameSync(at('a'), at('z'));
    await answer.end();
    fs.renameSync(at('other'), at('y'));
    const next = await answerTo(answer.cursor);
    await next.end();
    expect(summaryOf(next)).toEqual(['other > y', '+z']);
  });

  it('by both steps when it is back where it was', async () => {
    await begin('a/b');
    const said = await afterwards('', () => {
      fs.renameSync(at('a'), at('z'));
      fs.renameSync(at('z'), at('a'));
    });
    expect(said).toEqual(['a > z', 'z > a']);
  });

  it('as new when it came after the question, and is found while that is answered', async () => {
    await begin('a/b');
    const cursor = await feed.now('', '');
    fs.writeFileSync(at('x'), '');
    const answer = await answerTo(cursor);
    fs.rmSync(at('x'));
    fs.mkdirSync(at('x'));
    await feed.now('', '');
    expect(['a', 'a/b', 'x', 'x/y'].filter(answer.isKnown)).toEqual(['a', 'a/b']);
    await answer.end();
  });

  it('as new when so many have moved since that nobody knows any more how it went', async () => {
    await beginWith({ limits: { maxMoves: 2 } }, ['a', 'b', 'c', 'd']);
    const names = ['a', 'b', 'c', 'd'];
    const said = await afterwards('', () => {
      for (const name of names) fs.renameSync(at(name), at(`${name}${name}`));
    });
    expect([...said].sort()).toEqual(['+aa', '+bb', '+cc', '+dd']);
  });

  it('to nobody who asked about another one that was at its path', async () => {
    await begin('a', 'z');
    const cursor = await feed.now('', 'a');
    fs.renameSync(at('a'), at('old'));
    fs.renameSync(at('z'), at('a'));
    expect(await feed.since('', 'a', cursor)).toBeNull();
  });
});
