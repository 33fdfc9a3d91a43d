import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { isNativeAvailable } from '../../native/index.ts';
import { actualTree, FeedReader, shown } from './support/feed-reader.ts';
import type { Answer, Fixture } from './support/running-server.ts';

const PROGRAM = fileURLToPath(new URL('./support/serve-process.js', import.meta.url));

/** A server of its own process, as far as a reader of the feed needs it. */
interface Served extends Pick<Fixture, 'ask' | 'at'> {
  readonly child: ChildProcess;
}

async function serveIn(directory: string): Promise<Served> {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = new URL(line.toString().trim());
  return {
    child,
    at: (path) => join(directory, path),
    ask: async (method, path, headers = {}, body = undefined): Promise<Answer> => {
      const answer = await fetch(new URL(path, url), {
        method,
        headers: headers as Record<string, string>,
        ...(body === undefined ? {} : { body: body as string }),
      });
      const text = await answer.text();
      const { status } = answer;
      return {
        status,
        headers: Object.fromEntries(answer.headers),
        body: text,
        bytes: Buffer.from(text),
      };
    },
  };
}

const itNative = isNativeAvailable() ? it : it.skip;
if (!isNativeAvailable()) process.stderr.write('the feed is not tested: the addon is not built\n');

itNative(
  'a cursor outlives a server that is killed in the middle of its work',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ferry-feed-kill-'));
    try {
      fs.mkdirSync(join(directory, 'a/b'), { recursive: true });
      let reader: FeedReader | null = null;
      const numbers: number[] = [];
      for (let round = 1; round <= 4; round++) {
        const served = await serveIn(directory);
        reader ??= new FeedReader(served);
        reader.turnTo(served);
        await reader.follow();
        expect(shown(reader.tree)).toBe(shown(actualTree(directory)));
        numbers.push(Number.parseInt(reader.cursor?.split('.')[1] ?? '', 36));
        const writing = Array.from({ length: 20 }, (_, index) =>
          served.ask('PUT', `/a/${index}`, {}, `round ${round}`).catch(() => null),
        );
        for (let index = 0; index < round; index++) {
          fs.writeFileSync(join(directory, `a/b/${round}-${index}`), '');
          await reader.follow();
        }
        const exited = once(served.child, 'exit');
        served.child.kill('SIGKILL');
        await Promise.all([exited, ...writing]);
        fs.mkdirSync(join(directory, `made while none was there ${round}`));
      }
      expect(reader?.listings).toBe(1);
      expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  40_000,
);
