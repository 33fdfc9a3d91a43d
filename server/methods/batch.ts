import {
  type BatchLine,
  type BatchResult,
  parseBatchEntry,
  RESULTS_TYPE,
} from '../../protocol/batch.ts';
import { FrameError, readFrames } from '../../protocol/frames.ts';
import { makeCollections, removeEntries } from '../batch/collections.ts';
import { Group } from '../batch/group.ts';
import { discardPuts, publishPuts, type StagedPut, stagePuts } from '../batch/put-files.ts';
import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import type { Stage } from '../storage/stage.ts';

/** A client that waits hears at least this often that the server still works. */
const SIGN_OF_LIFE_MS = 5_000;
/** So many directories are synced one by one; of more, the whole file system at once. */
const FEW_DIRECTORIES = 2;

/**
 * Carries out groups of changes, one group after the other; while one is published, the next is received and staged,
 * and no more is read. The lines of a group are sent when all of it is on the disk.
 */
export async function batch(exchange: Exchange, stage: Stage): Promise<void> {
  await requireCollection(exchange);
  const answer = new Answer(exchange);
  let before = Promise.resolve();
  try {
    for await (const frame of readFrames(exchange.body(), parseBatchEntry)) {
      const group = new Group(exchange, stage, frame);
      const staging = stagePuts(group);
      staging.catch(() => undefined); // awaited below
      try {
        await before;
      } catch (error) {
        await discardPuts(group, await staging);
        throw error;
      }
      before = publish(group, staging).then((results) => answer.add(results));
      before.catch(() => undefined); // awaited above or below
    }
    await before;
    await answer.end();
  } catch (error) {
    throw error instanceof FrameError ? new DavError(400, `the batch: ${error.message}`) : error;
  } finally {
    // What was begun ends before the request does, so that nothing is changed after the server was closed.
    await before.catch(() => undefined);
    answer.close();
  }
}

async function requireCollection(exchange: Exchange): Promise<void> {
  const { path, site } = exchange;
  const stat = await site.look(path);
  if (stat === null) throw new DavError(404, `/${path}: nothing is there`);
  if (stat.kind !== 'directory') throw new DavError(409, `/${path} is no collection`);
  await exchange.check(stat);
}

async function publish(
  group: Group,
  staging: Promise<readonly StagedPut[]>,
): Promise<readonly BatchResult[]> {
  const { site } = group.exchange;
  const staged = await staging;
  await site.turns.run(group.paths, async () => {
    await makeCollections(group);
    await publishPuts(group, staged);
    await removeEntries(group);
  });
  site.changed(...group.paths);
  const { changed } = group;
  if (changed.size > FEW_DIRECTORIES) await site.sync.everything();
  else if (changed.size > 0) await site.sync.directories(...changed);
  return group.results;
}

/** The answer: a line for each change, in pieces of a group, and empty lines while nothing else can be said. */
class Answer {
  readonly #exchange: Exchange;
  readonly #timer: NodeJS.Timeout;
  #lines = 0;
  #isQuiet = true;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#timer = setInterval(() => this.#giveSign(), SIGN_OF_LIFE_MS);
  }

  async add(results: readonly BatchResult[]): Promise<void> {
    const lines = results.map((result): BatchLine => ({ n: this.#lines++, ...result }));
    this.#isQuiet = false;
    this.#begin();
    await this.#exchange.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  async end(): Promise<void> {
    this.#begin();
    await this.#exchange.write(`${this.#lines}\n`);
    this.#exchange.response.end();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #begin(): void {
    const { response } = this.#exchange;
    if (!response.headersSent) response.writeHead(200, { 'content-type': RESULTS_TYPE });
  }

  #giveSign(): void {
    const { response } = this.#exchange;
    if (this.#isQuiet && !response.destroyed) {
      this.#begin();
      response.write('\n');
    }
    this.#isQuiet = true;
  }
}
