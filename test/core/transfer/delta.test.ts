import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ChunkList, Recipe } from '../../../core/chunks.ts';
import { deltaOf } from '../../../core/transfer/delta.ts';
import { recipeOf } from '../../../core/transfer/recipe.ts';
import { slowChunks } from '../../support/slow-chunks.ts';

const ANY = { gapBytes: 0, maxStretches: Number.POSITIVE_INFINITY };

/** Bytes that look random and are the same in each run. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 0x9e3779b1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function applied(recipe: Recipe, base: Buffer): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const instruction of recipe.instructions)
    if ('data' in instruction) parts.push(instruction.data);
    else {
      const { offset, length } = instruction.copy;
      expect(offset + length).toBeLessThanOrEqual(base.length);
      parts.push(base.subarray(offset, offset + length));
    }
  return Buffer.concat(parts);
}

function reading(target: Buffer) {
  return async ({ offset, length }: { offset: number; length: number }): Promise<Uint8Array> =>
    target.subarray(offset, offset + length);
}

type Edit =
  | { readonly kind: 'insert' | 'overwrite'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'move'; readonly at: number; readonly length: number; readonly to: number };

const position = fc.integer({ min: 0, max: 20_000 });
const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('insert' as const, 'overwrite' as const),
      at: position,
      bytes: fc.uint8Array({ maxLength: 300 }),
    }),
    fc.record({
      kind: fc.constant('remove' as const),
      at: position,
      length: fc.integer({ min: 0, max: 3000 }),
    }),
    fc.record({
      kind: fc.constant('move' as const),
      at: position,
      length: fc.integer({ min: 0, max: 5000 }),
      to: position,
    }),
  ),
  { maxLength: 12 },
);

function edited(base: Buffer, changes: readonly Edit[]): Buffer {
  let content = base;
  for (const change of changes) {
    const at = Math.min(change.at, content.length);
    const before = content.subarray(0, at);
    if ('bytes' in change) {
      const skipped = change.kind === 'insert' ? 0 : change.bytes.length;
      content = Buffer.concat([before, change.bytes, content.subarray(at + skipped)]);
    } else if (change.kind === 'remove')
      content = Buffer.concat([before, content.subarray(at + change.length)]);
    else {
      const taken = content.subarray(at, at + change.length);
      const rest = Buffer.concat([before, content.subarray(at + change.length)]);
      const to = Math.min(change.to, rest.length);
      content = Buffer.concat([rest.subarray(0, to), taken, rest.subarray(to)]);
    }
  }
  return content;
}

describe('the delta of two contents', () => {
  it('gives a recipe that makes the new content out of the old one, whatever was edited', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 20_000 }),
        fc.boolean(),
        edits,
        fc.constantFrom(0, 200, 5000),
        async (length, isRepetitive, changes, gapBytes) => {
          const base = isRepetitive ? Buffer.alloc(length, 'the same again, ') : noise(length);
          const target = edited(base, changes);
          const limits = { gapBytes, maxStretches: 50 };
          const delta = deltaOf(slowChunks(base), slowChunks(target), limits);
          if (delta === null) return;
          const made = await applied(recipeOf(delta, reading(target)), base);
          expect(made.equals(target)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('sends little more than what was edited, wherever it is and whatever moved', () => {
    const base = noise(400_000);
    const block = base.subarray(300_000, 340_000);
    const target = Buffer.concat([
      base.subarray(0, 1000),
      block,
      base.subarray(1000, 200_000),
      Buffer.from('inserted'),
      base.subarray(200_000, 300_000),
      base.subarray(340_000),
    ]);
    const delta = deltaOf(slowChunks(base, 256), slowChunks(target, 256), ANY);
    expect(delta?.newBytes).toBeLessThan(8 * 1024);
    expect(delta?.newBytes).toBeGreaterThan(8);
  });

  it('copies what follows each other as one part', () => {
    const content = noise(100_000);
    const zeros = Buffer.alloc(100_000);
    for (const one of [content, zeros]) {
      const delta = deltaOf(slowChunks(one), slowChunks(one), ANY);
      expect(delta?.parts).toEqual([{ from: 0, offset: 0, length: 100_000 }]);
    }
  });

  it('takes short gaps in rather than to have too many parts', () => {
    const base = noise(400_000);
    const target = Buffer.from(base);
    for (let at = 0; at < target.length; at += 4000) target[at] = (target[at] ?? 0) ^ 1;
    const [old, now] = [slowChunks(base), slowChunks(target)];
    const many = deltaOf(old, now, ANY)?.parts.filter(({ from }) => from === null) ?? [];
    const few = deltaOf(old, now, { gapBytes: 64, maxStretches: 60 });
    expect(many.length).toBeGreaterThan(90);
    expect(few === null || few.parts.filter(({ from }) => from === null).length <= 60).toBe(true);
  });

  it('is not worth it when hardly anything is the same, or when the chunks are of another size', () => {
    expect(deltaOf(slowChunks(noise(50_000)), slowChunks(noise(50_000, 2)), ANY)).toBeNull();
    const content = noise(50_000);
    expect(deltaOf(slowChunks(content, 64), slowChunks(content, 128), ANY)).toBeNull();
  });

  it('refuses a list that is not one of its content', () => {
    const list = slowChunks(noise(10_000));
    const wrong: ChunkList[] = [
      { ...list, sizeBytes: 9999 },
      { ...list, chunks: list.chunks.subarray(1) },
    ];
    for (const one of wrong)
      expect(() => deltaOf(one, list, ANY)).toThrow(/list of chunks cannot be used/);
  });

  it('searches lists in bounded time that were made to collide', () => {
    const count = 40_000;
    const chunks = Buffer.alloc(count * 16);
    for (let at = 0; at < count; at++) {
      chunks.writeUInt32BE(1, at * 16);
      chunks.writeUInt32BE(at, at * 16 + 12);
    }
    const list = { ...slowChunks(noise(10)), sizeBytes: count, chunks };
    const started = performance.now();
    deltaOf(list, list, ANY);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('a recipe', () => {
  it('reads ahead, but never more than some pieces, and stops when nobody wants more', async () => {
    const sizeBytes = 40 * 1024 * 1024;
    const delta = {
      hash: slowChunks(noise(1)).hash,
      sizeBytes,
      newBytes: sizeBytes,
      parts: [{ from: null, offset: 0, length: sizeBytes }],
    };
    let reads = 0;
    let signal: AbortSignal | null = null;
    const recipe = recipeOf(delta, async ({ length }, abandoned) => {
      reads++;
      signal = abandoned;
      return new Uint8Array(length);
    });
    for await (const instruction of recipe.instructions) {
      expect('data' in instruction).toBe(true);
      break;
    }
    expect(reads).toBeLessThanOrEqual(9);
    expect((signal as AbortSignal | null)?.aborted).toBe(true);
  });

  it('throws what a read fails with when its turn comes', async () => {
    const part = { from: null, offset: 0, length: 3 * 1024 * 1024 };
    const delta = {
      hash: slowChunks(noise(1)).hash,
      sizeBytes: part.length,
      newBytes: part.length,
      parts: [part],
    };
    const recipe = recipeOf(delta, async ({ offset, length }) => {
      if (offset > 0) throw new Error('the disk failed');
      return new Uint8Array(length);
    });
    const seen: number[] = [];
    const consume = async (): Promise<void> => {
      for await (const instruction of recipe.instructions)
        if ('data' in instruction) seen.push(instruction.data.length);
    };
    await expect(consume()).rejects.toThrow('the disk failed');
    expect(seen).toEqual([1024 * 1024]);
  });
});
