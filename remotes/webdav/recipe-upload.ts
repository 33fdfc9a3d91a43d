import type { Recipe } from '../../core/chunks.ts';
import { toFerryError } from '../../core/model/errors.ts';
import type { WriteItem } from '../../core/ports.ts';
import {
  copyInstruction,
  dataHeader,
  endInstruction,
  MAX_DATA_BYTES,
  RECIPE_TYPE,
} from '../../protocol/recipe.ts';
import type { Answer } from './answer.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Session } from './session.ts';
import { metadataHeaders } from './upload.ts';

/** Short instructions are sent together. */
const GATHERED_BYTES = 64 * 1024;
/** The result had another hash, or the server does not take recipes after all. */
const REFUSED = [400, 405, 413, 415, 422, 501];

/**
 * Makes a file's new state on the server out of its present one; 412 is returned. Null when there is no recipe, or the
 * server does not take it: then the whole is to be sent.
 */
export async function putRecipe(
  session: Session,
  probe: ProbeResult,
  item: WriteItem,
  target: {
    readonly headers: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Answer | null> {
  const { headers, signal } = target;
  if (item.recipe === undefined || !(await session.extensions.has('recipe', signal))) return null;
  const recipe = await item.recipe(signal);
  if (recipe === null) return null;
  const answer = await session.send(item.path, {
    method: 'PUT',
    headers: {
      'content-type': RECIPE_TYPE,
      // Room is looked for before the body is sent, and nothing longer is made.
      'x-expected-entity-length': `${recipe.sizeBytes}`,
      ...metadataHeaders(probe, item),
      ...headers,
    },
    body: gathered(encoded(recipe, item)),
    accept: [200, 201, 204, 412, ...REFUSED],
    signal,
  });
  if (!REFUSED.includes(answer.status)) return answer;
  await answer.discard();
  session.logger.info('a recipe was refused, the whole file is sent', { status: answer.status });
  if (answer.status !== 422) session.extensions.refuse('recipe');
  return null;
}

async function* encoded(
  { hash, instructions, sizeBytes }: Recipe,
  { path }: WriteItem,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const instruction of instructions)
      if ('copy' in instruction) yield copyInstruction(instruction.copy);
      else
        for (let at = 0; at < instruction.data.length; at += MAX_DATA_BYTES) {
          const data = instruction.data.subarray(at, at + MAX_DATA_BYTES);
          yield dataHeader(data.length);
          yield data;
        }
  } catch (error) {
    throw toFerryError(error, path);
  }
  yield endInstruction(sizeBytes, hash);
}

/** The same bytes in fewer pieces. */
async function* gathered(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < GATHERED_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  yield Buffer.concat(waiting);
}
