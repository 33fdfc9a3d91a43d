import type { Recipe, RecipeInstruction } from '../chunks.ts';
import type { Delta } from './delta.ts';

/** New bytes are read in pieces of at most this, so many at a time. */
const PIECE_BYTES = 1024 * 1024;
const PIECES_AHEAD = 8;
/** Instructions that are prepared ahead of the one that is carried out; copies cost nothing. */
const PREPARED = 512;

/** Reads bytes of the content that is made. */
export type ReadPart = (
  part: { readonly offset: number; readonly length: number },
  signal: AbortSignal,
) => Promise<Uint8Array>;

/** Returns the recipe of a delta; its new bytes are read a few pieces ahead. */
export function recipeOf(delta: Delta, read: ReadPart): Recipe {
  const { hash, sizeBytes } = delta;
  return { hash, sizeBytes, instructions: instructions(delta, read) };
}

interface Prepared {
  readonly instruction: Promise<RecipeInstruction>;
  readonly isData: boolean;
}

async function* instructions(delta: Delta, read: ReadPart): AsyncIterable<RecipeInstruction> {
  const abandoned = new AbortController();
  const steps = prepared(delta, (part) => read(part, abandoned.signal));
  const waiting: Prepared[] = [];
  let ahead = 0;
  try {
    for (;;) {
      while (ahead < PIECES_AHEAD && waiting.length < PREPARED) {
        const next = steps.next();
        if (next.done === true) break;
        waiting.push(next.value);
        if (next.value.isData) ahead++;
      }
      const first = waiting.shift();
      if (!first) return;
      const instruction = await first.instruction;
      if (first.isData) ahead--;
      yield instruction;
    }
  } finally {
    abandoned.abort();
  }
}

function* prepared(
  { parts }: Delta,
  read: (part: { offset: number; length: number }) => Promise<Uint8Array>,
): Iterator<Prepared> & Iterable<Prepared> {
  for (const { from, offset, length } of parts) {
    if (from !== null) {
      const copy = { offset: from, length };
      yield { instruction: Promise.resolve({ copy }), isData: false };
      continue;
    }
    for (let done = 0; done < length; done += PIECE_BYTES) {
      const piece = { offset: offset + done, length: Math.min(PIECE_BYTES, length - done) };
      const instruction = read(piece).then((data) => ({ data }));
      instruction.catch(() => undefined); // it is thrown when its turn comes
      yield { instruction, isData: true };
    }
  }
}
