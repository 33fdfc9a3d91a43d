import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isNativeAvailable } from '../../native/index.ts';
import type { ServeOptions } from '../../server/serve.ts';
import { actualTree, FeedReader, shown } from './support/feed-reader.ts';
import { type Fixture, startServer } from './support/running-server.ts';
import { actualMembers, SyncReader } from './support/sync-reader.ts';

const SEEDS = Number(process.env['FERRY_FEED_SEEDS'] ?? 3);
const FIRST_SEED = Number(process.env['FERRY_FEED_FIRST_SEED'] ?? 1);
const STEPS = 60;
const NAMES = ['a', 'b', 'c', 'd'];

let fixture: Fixture;

afterEach(() => fixture.close());

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

function somePath(random: Random): string {
  return Array.from({ length: 1 + random(3) }, () => NAMES[random(NAMES.length)]).join('/');
}

/** Makes one random change, as a program on the server; what cannot be done is left out. */
function editFiles(random: Random): Promise<void> {
  const [path, other] = [somePath(random), somePath(random)];
  const at = (where: string): string => fixture.at(where);
  return tryOne(random, [
    () => fs.writeFileSync(at(path), `${random(1000)}`),
    () => fs.mkdirSync(at(path), { recursive: true }),
    () => fs.mkdirSync(at(path)),
    () => fs.renameSync(at(path), at(other)),
    () => fs.renameSync(at(path), at(other)),
    () => fs.rmSync(at(path), { recursive: true }),
    () => fs.chmodSync(at(path), 0o700 + random(8)),
    () => moveOut(path, other),
  ]);
}

/** Makes one random change, by a program on the server or by a request. */
async function edit(random: Random): Promise<void> {
  if (random(3) > 0) return editFiles(random);
  const [path, other] = [somePath(random), somePath(random)];
  const destination = { destination: `${fixture.server.url}${other}` };
  await tryOne(random, [
    () => fixture.ask('PUT', `/${path}`, {}, `${random(1000)}`),
    () => fixture.ask('MKCOL', `/${path}`),
    () => fixture.ask('MOVE', `/${path}`, destination),
    () => fixture.ask('COPY', `/${path}`, destination),
    () => fixture.ask('DELETE', `/${path}`),
  ]);
}

async function tryOne(random: Random, edits: readonly (() => unknown)[]): Promise<void> {
  try {
    await edits[random(edits.length)]?.();
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
  }
}

/** Out of the tree and back in, under another name. */
function moveOut(path: string, other: string): void {
  const outside = `${fixture.directory}-outside`;
  fs.rmSync(outside, { recursive: true, force: true });
  fs.renameSync(fixture.at(path), outside);
  fs.renameSync(outside, fixture.at(other));
}

async function start(
  readers: number,
  options: Partial<ServeOptions> = {},
): Promise<readonly FeedReader[]> {
  fixture = await startServer(options);
  fs.mkdirSync(fixture.at('a/b/c'), { recursive: true });
  const collections = ['', '', 'a', 'a/b'];
  const made = collections.slice(0, readers).map((collection) => ({ collection }));
  return made.map((options) => new FeedReader(fixture, options));
}

/** What a reader of that collection must know now. */
function expectToKnow(reader: FeedReader, collection: string, seed: number): void {
  const directory = join(fixture.directory, collection);
  if (!fs.existsSync(directory) || !fs.statSync(directory).isDirectory()) return;
  expect(`seed ${seed} ${collection}\n${shown(reader.tree)}`).toBe(
    `seed ${seed} ${collection}\n${shown(actualTree(directory))}`,
  );
}

async function editWhileAsked(random: Random, readers: readonly FeedReader[]): Promise<void> {
  const asked = readers.map(async (reader) => {
    await reader.follow();
    await reader.follow();
  });
  for (let step = 0; step < 6; step++) {
    await edit(random);
    for (let turn = random(6); turn > 0; turn--) await nextTurn();
  }
  await Promise.all(asked);
}

/** Goes on with the same directory, in which something was done meanwhile. */
async function startAgain(
  random: Random,
  readers: readonly FeedReader[],
  seed: number,
): Promise<void> {
  const { directory } = fixture;
  for (let step = random(4); step > 0; step--) await editFiles(random);
  fixture = await startServer({ directory });
  for (const reader of readers) {
    reader.turnTo(fixture);
    await reader.follow();
    expectToKnow(reader, '', seed);
  }
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('the feed is not tested: the addon is not built\n');

describeNative('whoever follows the feed', () => {
  it.each([
    ['as the kernel tells of changes', {}],
    ['as a look through the tree finds them', { watch: false }],
    ['with next to nothing remembered', { limits: { maxNames: 6, maxMoves: 3 } }],
  ])(
    'knows the exact tree after every answer, whatever was done by whom: %s',
    async (_, feed) => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const random = randomFrom(seed);
        const readers = await start(4, { feed });
        for (const reader of readers) await reader.follow();
        for (let step = 0; step < STEPS; step++) {
          await edit(random);
          for (const [index, reader] of readers.entries()) {
            if (random(4) !== 0) continue;
            await reader.follow();
            expectToKnow(reader, ['', '', 'a', 'a/b'][index] ?? '', seed);
          }
        }
        // Whoever sees everything never has to list it again.
        expect(readers.slice(0, 2).map(({ listings }) => listings)).toEqual([1, 1]);
        await fixture.close();
      }
      await start(0);
    },
    120_000,
  );

  it.each([
    ['in order', true],
    ['by being killed', false],
  ])(
    'goes on with its cursor after the server has ended %s',
    async (_, isOrderly) => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const random = randomFrom(seed);
        const readers = await start(2);
        const killed: Fixture[] = [];
        for (let round = 0; round < 6; round++) {
          for (let step = 0; step < 5; step++) {
            await edit(random);
            await readers[random(4)]?.follow();
          }
          // Killed means: nothing more is asked of it, and nothing that it remembers is written.
          if (isOrderly) await fixture.server.close();
          else killed.push(fixture);
          await startAgain(random, readers, seed);
        }
        expect(readers.map(({ listings }) => listings)).toEqual([1, 1]);
        for (const one of killed) await one.server.close();
        await fixture.close();
      }
      await start(0);
    },
    120_000,
  );

  it('knows the exact tree in the end, also when answers were looked up while it changed', async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const random = randomFrom(seed);
      const readers = (await start(2)).slice(0, 2);
      for (const reader of readers) await reader.follow();
      for (let round = 0; round < STEPS / 6; round++) {
        await editWhileAsked(random, readers);
        for (const reader of readers) {
          await reader.follow();
          expectToKnow(reader, '', seed);
        }
      }
      await fixture.close();
    }
    await start(0);
  }, 120_000);

  it('knows the exact tree by sync reports too, in whatever parts they come', async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const random = randomFrom(seed);
      await start(0);
      const reader = new SyncReader(fixture);
      for (let step = 0; step < STEPS; step++) {
        await edit(random);
        if (random(4) !== 0) continue;
        await reader.follow(random(2) === 0 ? undefined : 1 + random(5));
        expect([seed, ...[...reader.members].sort()]).toEqual([
          seed,
          ...[...actualMembers(fixture.directory)].sort(),
        ]);
      }
      expect(reader.refusals).toBeLessThan(STEPS / 8);
      await fixture.close();
    }
    await start(0);
  }, 120_000);
});
