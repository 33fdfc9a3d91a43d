import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FRAMES_TYPE } from '../../protocol/frames.ts';
import { batchBody, fresh } from './support/batch-bodies.ts';
import { startServer } from './support/running-server.ts';

const PROGRAM = fileURLToPath(new URL('./support/serve-process.js', import.meta.url));

test('whatever bytes a batch has, it is carried out, refused or cut, and the server lives on', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'ferry-fuzz-'));
  await mkdir(join(parent, 'served'));
  const site = await startServer({ directory: join(parent, 'served') });
  const whole = batchBody(
    [{ op: 'mkcol', path: 'd' }, fresh('d/a', 'content', { mtime: '1', mode: '0600' })],
    [fresh('b', 'y'.repeat(3000)), { op: 'delete', path: 'd', if: 'collection' }],
  );
  const edits = fc.array(
    fc.record({
      at: fc.nat(whole.length - 1),
      bytes: fc.uint8Array({ minLength: 0, maxLength: 6 }),
      removed: fc.nat(4),
    }),
    { minLength: 1, maxLength: 3 },
  );
  try {
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        let body = whole;
        for (const { at, bytes, removed } of changes)
          body = Buffer.concat([body.subarray(0, at), bytes, body.subarray(at + removed)]);
        const answer = await site
          .ask('POST', '/', { 'content-type': FRAMES_TYPE }, body)
          .catch((error: NodeJS.ErrnoException) => error.code);
        if (typeof answer === 'object') expect([200, 400]).toContain(answer.status);
        else expect(['ECONNRESET', 'EPIPE']).toContain(answer);
      }),
      { numRuns: 300 },
    );
    expect(await readdir(parent)).toEqual(['served']);
    expect((await site.ask('GET', '/')).status).toBe(200);
    expect(site.log.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
  } finally {
    await site.close();
    await rm(parent, { recursive: true, force: true });
  }
}, 30_000);

async function startProcess(directory: string): Promise<{ child: ChildProcess; url: URL }> {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: new URL(line.toString().trim()) };
}

/** Sends a batch and resolves with the number of results that came before the connection ended. */
function resultsBeforeEnd(
  url: URL,
  body: Buffer,
  onResults: (count: number) => void,
): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    const count = (): number => text.split('\n').filter((line) => line.endsWith('}')).length;
    const headers = { 'content-type': FRAMES_TYPE, 'content-length': body.length };
    const sent = request(url, { method: 'POST', headers }, (response) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        onResults(count());
      });
      response.on('close', () => resolve(count()));
      response.on('error', () => undefined);
    });
    sent.on('error', () => resolve(count()));
    sent.end(body);
  });
}

test('a server that is killed within a batch leaves each entry whole or absent, and all that it has confirmed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-batch-crash-'));
  const contentOf = (name: string): string => `${name};`.repeat(2000);
  let confirmed = 0;
  try {
    for (let round = 0; round < 4; round++) {
      const { child, url } = await startProcess(directory);
      const names = Array.from({ length: 20 }, (_, group) =>
        Array.from({ length: 40 }, (_, index) => `r${round}-g${group}-${index}`),
      );
      const body = batchBody(
        ...names.map((group) => group.map((one) => fresh(one, contentOf(one)))),
      );
      // In the first round before anything was answered, in later ones within a later and later group.
      const results = resultsBeforeEnd(url, body, (count) => {
        if (count >= round * 120) child.kill('SIGKILL');
      });
      if (round === 0) setTimeout(() => child.kill('SIGKILL'), 30);
      await once(child, 'exit');
      const answered = names.flat().slice(0, await results);
      confirmed += answered.length;
      const there = new Set(await readdir(directory));
      expect(answered.filter((name) => !there.has(name))).toEqual([]);
      for (const name of names.flat())
        if (there.has(name))
          expect(await readFile(join(directory, name), 'utf8')).toBe(contentOf(name));
    }
    const site = await startServer({ directory });
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
    await site.server.close();
    expect(confirmed).toBeGreaterThanOrEqual(120 + 240 + 360);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 30_000);
