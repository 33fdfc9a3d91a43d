import { hashOf } from '../../../core/transfer/verified-stream.ts';
import {
  BATCH_GET_TYPE,
  type BatchLine,
  type BatchResult,
  type GotEntry,
} from '../../../protocol/batch.ts';
import { END_OF_FRAMES, encodeFrame, FRAMES_TYPE, readFrames } from '../../../protocol/frames.ts';
import type { Answer, Fixture } from './running-server.ts';

/** One change as a test writes it: `content` stands for length and hash. */
export interface Wish {
  readonly op?: 'put' | 'mkcol' | 'delete';
  readonly path: string;
  readonly if?: string;
  readonly content?: string | Uint8Array;
  readonly [member: string]: unknown;
}

/** Returns a put of a new file. */
export function fresh(path: string, content: string, more: Partial<Wish> = {}): Wish {
  return { path, if: 'absent', content, ...more };
}

/** Returns the body of a batch of these groups. */
export function batchBody(...groups: readonly (readonly Wish[])[]): Buffer {
  const frames = groups.map((group) => {
    const contents: Uint8Array[] = [];
    const entries = group.map(({ content, ...members }) => {
      if (content === undefined) return members;
      const bytes = Buffer.from(content);
      contents.push(bytes);
      return { bytes: bytes.length, hash: hashOf(bytes), ...members };
    });
    return encodeFrame(entries, contents);
  });
  return Buffer.concat([...frames, END_OF_FRAMES]);
}

/** Returns the results of a complete answer. */
export function resultsOf({ status, body }: Answer): readonly BatchResult[] {
  if (status !== 200) throw new Error(`the batch was answered with ${status}: ${body}`);
  const lines = body.split('\n').filter((line) => line !== '');
  const results = lines.slice(0, -1).map((line, index): BatchResult => {
    const { n, ...result } = JSON.parse(line) as BatchLine;
    if (n !== index) throw new Error(`line ${index} has the number ${n}`);
    return result;
  });
  if (lines.at(-1) !== `${results.length}`) throw new Error(`not a complete answer: ${body}`);
  return results;
}

/** Sends groups of changes and returns what became of each. */
export async function sendBatch(
  site: Fixture,
  groups: readonly (readonly Wish[])[],
  { at = '/', headers = {} }: { readonly at?: string; readonly headers?: object } = {},
): Promise<readonly BatchResult[]> {
  const sent = { 'content-type': FRAMES_TYPE, ...headers };
  return resultsOf(await site.ask('POST', at, sent, batchBody(...groups)));
}

/** What came of one file that was asked for. */
export type Got = GotEntry & { readonly content: string };

/** Asks for files, or their hashes. */
export async function getBatch(
  site: Fixture,
  entries: readonly (readonly [path: string, etag: string])[],
  only?: 'hash',
): Promise<readonly Got[]> {
  const question = JSON.stringify({ entries, ...(only === undefined ? {} : { only }) });
  const answer = await site.ask('POST', '/', { 'content-type': BATCH_GET_TYPE }, question);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`);
  async function* whole() {
    yield answer.bytes;
  }
  const got: Got[] = [];
  for await (const frame of readFrames(whole(), (entry) => entry as GotEntry))
    for (const [index, entry] of frame.entries.entries())
      got.push({ ...entry, content: Buffer.from(frame.contents[index] ?? []).toString() });
  return got;
}
