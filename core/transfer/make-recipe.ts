import type { ChunkList, Recipe, RecipeInstruction } from '../chunks.ts';
import type { ContentHash, FileEntry } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import { CHUNKED_BYTES, type ChunkShelf } from '../records/chunk-shelf.ts';
import type { PairRecord } from '../records/record.ts';
import { type Delta, type DeltaLimits, deltaOf } from './delta.ts';
import { orNull } from './or-null.ts';
import { recipeOf } from './recipe.ts';
import type { Throttle } from './throttle.ts';

/** A request costs about as much as these bytes; on a slow way, a thousand of them take some ten seconds. */
const FETCHED: DeltaLimits = { gapBytes: 4096, maxStretches: 1000 };
/** An instruction to copy has 17 bytes; a file is opened for each stretch that is read. */
const SENT: DeltaLimits = { gapBytes: 64, maxStretches: 8000 };

/** A file on one side, and what is known of its content. */
export interface DeltaFile {
  readonly replica: Replica;
  readonly path: SyncPath;
  readonly entry: FileEntry;
  readonly hash: ContentHash | undefined;
}

export interface MakeRecipeOptions {
  readonly source: DeltaFile;
  /** What the receiver has now. */
  readonly present: DeltaFile;
  readonly record: PairRecord | undefined;
  readonly shelf: ChunkShelf;
  readonly throttle: Throttle | null;
  /** Hears of each instruction: its bytes, and whether they had to be read. */
  readonly onPart: (count: number, isNew: boolean) => void;
}

/** Tells whether a delta can spare anything: both files are large, both sides give chunks, and one is far away. */
export function isWorthDelta(source: DeltaFile, present: DeltaFile): boolean {
  const files = [source, present];
  return (
    files.every(({ entry, replica }) => entry.sizeBytes >= CHUNKED_BYTES && replica.chunksOf) &&
    files.some(({ replica }) => replica.isDistant)
  );
}

/**
 * Returns how the source's content comes out of what the receiver has; null when that is not known, or spares too
 * little: then the whole is to be transferred.
 * @throws CHANGED when one of both files is another version by now; ABORTED, REMOTE_UNREACHABLE, REMOTE_UNAUTHORIZED
 */
export async function makeRecipe(
  options: MakeRecipeOptions,
  signal: AbortSignal,
): Promise<Recipe | null> {
  const { source, throttle, onPart } = options;
  const delta = await findDelta(options, signal).catch(orNull);
  if (delta === null) return null;
  const recipe = recipeOf(delta, async (range, abandoned) => {
    const both = AbortSignal.any([signal, abandoned]);
    const { path, entry, replica } = source;
    const content = await replica.read(path, { expected: entry.version, range, signal: both });
    const stream = throttle ? throttle.limit(content.stream, both) : content.stream;
    return collected(stream, range.length, path);
  });
  return { ...recipe, instructions: counted(recipe.instructions, onPart) };
}

async function findDelta(options: MakeRecipeOptions, signal: AbortSignal): Promise<Delta | null> {
  const { source, present, record, shelf } = options;
  const known = {
    source: source.hash === undefined ? null : await shelf.find(source.hash, record),
    present: present.hash === undefined ? null : await shelf.find(present.hash, record),
  };
  const isUpload = present.replica.isDistant === true;
  const [farSide, nearSide] = isUpload
    ? (['present', 'source'] as const)
    : (['source', 'present'] as const);
  // The far side names the average of its list; the near one can take any.
  const wish = known[nearSide]?.averageBytes;
  const far = known[farSide] ?? (await listOf(options[farSide], wish, signal));
  if (far === null) return null;
  const isSame = known[nearSide]?.averageBytes === far.averageBytes;
  const near = isSame ? known[nearSide] : await listOf(options[nearSide], far.averageBytes, signal);
  if (near === null) return null;
  const [base, target] = isUpload ? [far, near] : [near, far];
  shelf.note(target);
  return deltaOf(base, target, source.replica.isDistant ? FETCHED : SENT);
}

async function listOf(
  { entry, hash, path, replica }: DeltaFile,
  averageBytes: number | undefined,
  signal: AbortSignal,
): Promise<ChunkList | null> {
  const list = await replica.chunksOf?.(path, {
    expected: entry.version,
    ...(averageBytes === undefined ? {} : { averageBytes }),
    signal,
  });
  const isIts = list?.sizeBytes === entry.sizeBytes && (hash ?? list.hash) === list.hash;
  return list && isIts ? list : null;
}

async function collected(
  stream: AsyncIterable<Uint8Array>,
  length: number,
  path: SyncPath,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let received = 0;
  for await (const piece of stream) {
    pieces.push(piece);
    received += piece.length;
  }
  if (received !== length)
    throw new FerryError(
      'REMOTE_PROTOCOL',
      `${path}: a part of it has ${received} instead of ${length} bytes`,
      { path },
    );
  const [only] = pieces;
  return only && pieces.length === 1 ? only : Buffer.concat(pieces);
}

async function* counted(
  instructions: AsyncIterable<RecipeInstruction>,
  onPart: (count: number, isNew: boolean) => void,
): AsyncIterable<RecipeInstruction> {
  for await (const instruction of instructions) {
    if ('data' in instruction) onPart(instruction.data.length, true);
    else onPart(instruction.copy.length, false);
    yield instruction;
  }
}
