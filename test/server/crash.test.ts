import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startServer } from './support/running-server.ts';

const PROGRAM = fileURLToPath(new URL('./support/serve-process.js', import.meta.url));
const SIZE = 200_000;

/** A body that says in every byte which version of which file it is. */
const contentOf = (file: number, version: number) =>
  Buffer.alloc(SIZE, `file ${file} version ${version};`);

async function startProcess(directory: string): Promise<{ child: ChildProcess; url: URL }> {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: new URL(line.toString().trim()) };
}

/** Returns the status, or null when the server died first. */
function put(url: URL, agent: Agent, path: string, body: Buffer): Promise<number | null> {
  return new Promise((resolve) => {
    const sent = request(new URL(path, url), { method: 'PUT', agent }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.statusCode ?? null));
    });
    sent.on('error', () => resolve(null));
    sent.setHeader('content-length', body.length);
    sent.end(body);
  });
}

test('a server that is killed leaves whole files only, and every one that it has confirmed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'));
  const confirmed = new Map<number, number>();
  try {
    for (let round = 1; round <= 3; round++) {
      const { child, url } = await startProcess(directory);
      const agent = new Agent({ keepAlive: true });
      let isAlive = true;
      const writers = Array.from({ length: 6 }, async (_, file) => {
        for (let n = 0; isAlive && n < 500; n++) {
          const version = round * 1000 + n;
          const status = await put(url, agent, `/f${file}`, contentOf(file, version));
          if (status === 201 || status === 204) confirmed.set(file, version);
          else isAlive = false;
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 200 + round * 77));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await Promise.all(writers);
      agent.destroy();
      for (const [file, version] of confirmed) {
        const content = await readFile(join(directory, `f${file}`));
        const found = Number(/version (\d+);/.exec(content.toString('utf8', 0, 40))?.[1]);
        // The last request may have been carried out without its answer getting through.
        expect([version, version + 1, round * 1000]).toContain(found);
        expect(content.equals(contentOf(file, found))).toBe(true);
      }
    }
    expect(confirmed.size).toBe(6);
    const site = await startServer({ directory });
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
    await site.server.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 40_000);
