import { expect, test } from '@jest/globals';
import type { Recipe, RecipeInstruction } from '../../core/chunks.ts';
import type { FerryError } from '../../core/model/errors.ts';
import { deltaOf } from '../../core/transfer/delta.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import {
  at,
  type ConformanceSetting,
  item,
  NEVER_VERSION,
  notApplicable,
  put,
  versionOf,
  writeAll,
} from './setting.ts';

const MIB = 1024 * 1024;
/** New bytes where the old ones had others; from where, and how many. */
const EDIT = { offset: 700_000, length: 5000 };

/** Bytes that look random and are the same in each run. */
function noise(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 0x9e3779b9;
  for (let word = 0; word < words.length; word++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[word] = state >>> 0;
  }
  return Buffer.from(words.buffer, 0, length);
}

/** `chunksOf`, and files that are written by recipes: what a replica may do, and must then do right. */
export function chunkingBehaviour(current: () => ConformanceSetting): void {
  cutting(current);
  cooking(current);
}

function cutting(current: () => ConformanceSetting): void {
  test('chunks make up the whole file, and say its hash', async () => {
    const { replica } = current();
    const content = noise(2 * MIB + 77);
    const { version: expected } = await put(replica, 'large', content);
    const list = await replica.chunksOf?.(at('large'), { expected });
    if (!list) return notApplicable('it gives no chunks');
    expect(list).toMatchObject({ hash: hashOf(content), sizeBytes: content.length });
    const bytes = Buffer.from(list.chunks);
    expect(bytes.length % 16).toBe(0);
    let offset = 0;
    for (let entry = 0; entry < bytes.length; entry += 16) {
      const length = bytes.readUInt32BE(entry);
      const own = hashOf(content.subarray(offset, offset + length)).slice(0, 24);
      expect(bytes.toString('hex', entry + 4, entry + 16)).toBe(own);
      offset += length;
    }
    expect(offset).toBe(content.length);
  });

  test('an edit and an insertion leave almost all chunks as they were', async () => {
    const { replica } = current();
    const content = noise(3 * MIB);
    const { version } = await put(replica, 'large', content);
    const before = await replica.chunksOf?.(at('large'), { expected: version });
    if (!before) return notApplicable('it gives no chunks');
    const edited = Buffer.concat([
      content.subarray(0, MIB),
      Buffer.from('seven b'),
      content.subarray(MIB),
    ]);
    edited.fill(0, EDIT.offset, EDIT.offset + EDIT.length);
    const entry = await put(replica, 'large', edited, { expected: version });
    const { averageBytes } = before;
    const after = await replica.chunksOf?.(at('large'), { expected: entry.version, averageBytes });
    if (!after) throw new Error('no chunks for another file');
    const delta = deltaOf(before, after, { gapBytes: 0, maxStretches: 1000 });
    expect(delta?.newBytes).toBeGreaterThan(0);
    expect(delta?.newBytes).toBeLessThan(EDIT.length + 12 * averageBytes);
  });

  test('chunks of another version than expected are refused', async () => {
    const { replica } = current();
    const content = noise(MIB);
    const { version } = await put(replica, 'large', content);
    if (!(await replica.chunksOf?.(at('large'), { expected: version })))
      return notApplicable('it gives no chunks');
    const asked = replica.chunksOf?.(at('large'), { expected: NEVER_VERSION });
    // What can be no version of this side at all need not be looked for.
    const outcome = await asked?.catch((error: FerryError) => error.code);
    expect([null, 'CHANGED']).toContain(outcome);
  });
}

interface Trial {
  readonly parts: readonly RecipeInstruction[];
  /** What the recipe says of its result. */
  readonly claimed?: Buffer;
}

/** Replaces a file by a recipe for `target`, and returns what is there then and how often the whole was asked for. */
async function cooked(
  { outside, replica, settle }: ConformanceSetting,
  base: Buffer,
  target: Buffer,
  { parts, claimed = target }: Trial,
): Promise<{ readonly content: Buffer; readonly opened: number; readonly asked: number }> {
  await outside.write('large', base);
  await settle();
  const counts = { opened: 0, asked: 0 };
  const plain = item('large', target, { expected: await versionOf(replica, 'large') });
  const recipe = async (): Promise<Recipe> => {
    counts.asked++;
    const instructions = (async function* () {
      yield* parts;
    })();
    return { sizeBytes: claimed.length, hash: hashOf(claimed), instructions };
  };
  const open = (): ReturnType<typeof plain.open> => {
    counts.opened++;
    return plain.open();
  };
  const results = await writeAll(replica, [{ ...plain, open, recipe }]);
  const result = results.get('large');
  if (result === undefined || 'error' in result) throw result?.error ?? new Error('no result');
  expect(result.entry.version).toBe(await versionOf(replica, 'large'));
  return { content: Buffer.from((await outside.read('large')) ?? []), ...counts };
}

function cooking(current: () => ConformanceSetting): void {
  const base = noise(2 * MIB);
  const target = Buffer.concat([
    base.subarray(MIB),
    Buffer.from('between'),
    base.subarray(0, MIB + 10),
  ]);
  const right: readonly RecipeInstruction[] = [
    { copy: { offset: MIB, length: MIB } },
    { data: Buffer.from('between') },
    { copy: { offset: 0, length: MIB + 10 } },
  ];

  test('a file is made out of what is there and what is new', async () => {
    const { asked, content, opened } = await cooked(current(), base, target, { parts: right });
    expect(content.equals(target)).toBe(true);
    if (asked === 0) return notApplicable('it uses no recipes');
    expect(opened).toBe(0);
  });

  test.each<readonly [string, Trial]>([
    ['gives another content than it says', { parts: right, claimed: base }],
    ['gives too little', { parts: right.slice(1) }],
    ['gives too much', { parts: [...right, ...right] }],
    [
      'copies what is not there',
      { parts: [{ copy: { offset: 2 * MIB - 5, length: target.length } }] },
    ],
  ])('a recipe that %s is not followed', async (_, trial) => {
    const { content } = await cooked(current(), base, target, trial);
    expect(content.equals(target)).toBe(true);
  });
}
