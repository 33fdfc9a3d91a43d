import { ByteReader, FrameError } from './byte-reader.ts';

/** Media type of a recipe: how a file's new state comes out of its present one. */
export const RECIPE_TYPE = 'application/vnd.ferry.recipe';
/** Media type of the list of a file's chunks. */
export const CHUNKS_TYPE = 'application/vnd.ferry.chunks';
/** An instruction brings at most so many new bytes. */
export const MAX_DATA_BYTES = 4 * 1024 * 1024;

const COPY = 1;
const DATA = 2;
const END = 3;
const HASH_BYTES = 32;

/** One step of a recipe; new bytes come in pieces, as they arrive. */
export type RecipeStep =
  | { readonly kind: 'copy'; readonly offset: number; readonly length: number }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly sizeBytes: number; readonly hash: string };

/**
 * Yields the steps of a recipe; the last one is its end, and nothing follows it.
 * @throws FrameError when it is cut off or breaks a rule, and whatever `body` throws
 */
export async function* readRecipe(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<RecipeStep, void, undefined> {
  const bytes = new ByteReader(body);
  try {
    for (;;) {
      const [code] = await bytes.take(1);
      if (code === COPY) yield await readCopy(bytes);
      else if (code === DATA) yield* readNewBytes(bytes);
      else if (code === END) break;
      else throw new FrameError('an instruction is unknown');
    }
    const sizeBytes = await readNumber(bytes);
    const hash = Buffer.from(await bytes.take(HASH_BYTES)).toString('hex');
    await bytes.expectEnd();
    yield { kind: 'end', sizeBytes, hash };
  } finally {
    await bytes.close();
  }
}

/** Returns the instruction to copy bytes of the present state. */
export function copyInstruction({ offset, length }: { offset: number; length: number }): Buffer {
  const copy = Buffer.alloc(17, COPY);
  copy.writeBigUInt64BE(BigInt(offset), 1);
  copy.writeBigUInt64BE(BigInt(length), 9);
  return copy;
}

/** Returns what comes before so many new bytes, at most MAX_DATA_BYTES. */
export function dataHeader(length: number): Buffer {
  const head = Buffer.alloc(5, DATA);
  head.writeUInt32BE(length, 1);
  return head;
}

/** Returns what ends a recipe; the hash is in hexadecimal. */
export function endInstruction(sizeBytes: number, hash: string): Buffer {
  const end = Buffer.alloc(9, END);
  end.writeBigUInt64BE(BigInt(sizeBytes), 1);
  return Buffer.concat([end, Buffer.from(hash, 'hex')]);
}

async function readCopy(bytes: ByteReader): Promise<RecipeStep> {
  return { kind: 'copy', offset: await readNumber(bytes), length: await readNumber(bytes) };
}

async function* readNewBytes(bytes: ByteReader): AsyncGenerator<RecipeStep, void, undefined> {
  let left = Buffer.from(await bytes.take(4)).readUInt32BE();
  if (left > MAX_DATA_BYTES) throw new FrameError('an instruction brings too many bytes');
  while (left > 0) {
    const piece = await bytes.takeSome(left);
    left -= piece.length;
    yield { kind: 'data', bytes: piece };
  }
}

async function readNumber(bytes: ByteReader): Promise<number> {
  const number = Buffer.from(await bytes.take(8)).readBigUInt64BE();
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw new FrameError('a number is too large');
  return Number(number);
}
