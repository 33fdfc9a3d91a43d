import * as fs from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isNativeAvailable } from '../../native/index.ts';
import { type Fixture, startServer } from './support/running-server.ts';

let fixture: Fixture;
const open: ClientRequest[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) one.destroy();
  await fixture.close();
});

interface Listening {
  readonly response: IncomingMessage;
  /** Everything that was sent so far. */
  text(): string;
  /** Resolves with the paths of the next event. */
  next(): Promise<readonly string[] | null>;
}

/** Listens to a collection; resolves when the server says that it is heard. */
function listen(path = '/'): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, fixture.server.url), {
      headers: { accept: 'text/event-stream' },
      agent: false,
    });
    open.push(sent);
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      let seen = 0;
      const next = async (): Promise<readonly string[] | null> => {
        for (let waited = 0; waited < 5000; waited += 2) {
          const events = [...text.matchAll(/^event: changes\ndata: (.*)\n\n/gm)];
          const event = events[seen];
          if (event !== undefined) {
            seen++;
            return JSON.parse(event[1] ?? '').paths;
          }
          await sleep(2);
        }
        throw new Error('no event came');
      };
      const listening = { response, text: () => text, next };
      response.on('error', () => undefined);
      response.on('data', (chunk: Buffer) => {
        text += chunk;
        resolve(listening);
      });
      if (response.statusCode !== 200) resolve(listening);
    });
    sent.end();
  });
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('hints are not tested: the addon is not built\n');

describeNative('whoever listens to a collection', () => {
  it('hears of changes below it by requests and by other programs, and of no others', async () => {
    fixture = await startServer();
    fs.mkdirSync(fixture.at('a/b'), { recursive: true });
    await fixture.ask('GET', '/', { accept: 'application/vnd.ferry.changes' });
    const [all, below] = [await listen(), await listen('/a/')];
    await fixture.ask('PUT', '/file', {}, 'content');
    expect(await all.next()).toEqual(['file']);
    fs.writeFileSync(fixture.at('a/b/file'), 'content');
    expect(await below.next()).toEqual(['b/file']);
    expect(await all.next()).toEqual(['a/b/file']);
    fs.renameSync(fixture.at('a/b'), fixture.at('c'));
    expect(await all.next()).toEqual(['a/b', 'c']);
    expect(await below.next()).toEqual(['b']);
    expect(below.text()).not.toContain('c"');
  });

  it('hears that more has changed than can be named', async () => {
    fixture = await startServer();
    await fixture.ask('GET', '/', { accept: 'application/vnd.ferry.changes' });
    const all = await listen();
    for (let count = 0; count < 500; count++) fs.writeFileSync(fixture.at(`${count}`), '');
    expect(await all.next()).toBeNull();
  });

  it('is let go at once when the server closes', async () => {
    fixture = await startServer();
    const all = await listen();
    const ended = new Promise((resolve) => all.response.on('end', resolve));
    const startedAtMs = performance.now();
    await fixture.server.close();
    await ended;
    expect(performance.now() - startedAtMs).toBeLessThan(1900); // requests under way are cut after two seconds
  });

  it('is refused when it listens too often, and for what is no collection', async () => {
    fixture = await startServer();
    fs.writeFileSync(fixture.at('file'), '');
    expect((await listen('/file')).response.statusCode).toBe(404);
    const heard = await Promise.all(Array.from({ length: 32 }, () => listen()));
    expect(heard.map(({ response }) => response.statusCode)).not.toContain(429);
    expect((await listen()).response.statusCode).toBe(429);
    open[1]?.destroy();
    for (let tries = 0; tries < 100 && (await listen()).response.statusCode === 429; tries++)
      await sleep(10);
  });
});
