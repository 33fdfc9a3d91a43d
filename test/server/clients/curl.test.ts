import { randomBytes } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { temporaryDirectory } from '../../support/temporary.ts';
import { runProgram, testWith } from '../support/client-programs.ts';
import { type Fixture, startServer } from '../support/running-server.ts';

const check = testWith('curl');
const content = randomBytes(3 * 1024 * 1024 + 17);

let site: Fixture;
let work: Awaited<ReturnType<typeof temporaryDirectory>>;
let file: string;

beforeAll(async () => {
  site = await startServer();
  work = await temporaryDirectory('ferry-curl');
  file = join(work.path, 'file');
  await writeFile(file, content);
});

afterAll(async () => {
  await site.close();
  await work.close();
});

/** Returns the status that the server answered with. */
async function curl(path: string, ...args: readonly string[]): Promise<number> {
  const common = ['-sS', '-w', '%{stderr}%{http_code}', '-o', join(work.path, 'answer')];
  const ended = await runProgram('curl', [...common, ...args, `${site.server.url}${path}`]);
  return Number(/\d{3}$/.exec(ended.stderr)?.[0]);
}

describe('curl', () => {
  check(
    'uploads a file, also chunked from a pipe, by HTTP/1.0, and without asking first',
    async () => {
      expect(await curl('one', '-T', file)).toBe(201);
      expect(await curl('one', '-T', file)).toBe(204);
      expect(await curl('two', '-0', '-T', file)).toBe(201);
      expect(await curl('three', '-H', 'Expect:', '-T', file)).toBe(201);
      const piped = ['-sS', '-f', '-T', '-', `${site.server.url}four`];
      expect(await runProgram('curl', piped, { input: content })).toMatchObject({ code: 0 });
      for (const name of ['one', 'two', 'three', 'four'])
        expect((await readFile(site.at(name))).equals(content)).toBe(true);
    },
  );

  check('goes on with a download that was cut off, and reads ranges', async () => {
    await writeFile(site.at('down'), content);
    const part = join(work.path, 'part');
    await writeFile(part, content);
    await truncate(part, 1_000_000);
    const resumed = ['-sS', '-f', '-C', '-', '-o', part, `${site.server.url}down`];
    expect(await runProgram('curl', resumed)).toMatchObject({ code: 0 });
    expect((await readFile(part)).equals(content)).toBe(true);
    expect(await curl('down', '-r', '10-19')).toBe(206);
    expect(await readFile(join(work.path, 'answer'))).toEqual(content.subarray(10, 20));
    expect(await curl('down', '-r', `${content.length}-`)).toBe(416);
  });

  check('is told that an upload cannot go on in the middle, and nothing is damaged', async () => {
    await writeFile(site.at('half'), content.subarray(0, 1000));
    expect(await curl('half', '-C', '1000', '-T', file)).toBe(400);
    expect((await readFile(site.at('half'))).equals(content.subarray(0, 1000))).toBe(true);
  });

  check('creates only once, and replaces and fetches only by the state it knows', async () => {
    const once = ['-T', file, '-H', 'If-None-Match: *'];
    expect(await curl('once', ...once)).toBe(201);
    expect(await curl('once', ...once)).toBe(412);
    const etag = join(work.path, 'etag');
    expect(await curl('once', '--etag-save', etag)).toBe(200);
    expect(await curl('once', '--etag-compare', etag)).toBe(304);
    const known = (await readFile(etag, 'utf8')).trim();
    expect(await curl('once', '-T', file, '-H', `If-Match: ${known}`)).toBe(204);
    expect(await curl('once', '-T', file, '-H', `If-Match: ${known}`)).toBe(412);
    expect(await curl('once', '--etag-compare', etag)).toBe(200);
  });

  check('writes into a file and appends to it', async () => {
    await writeFile(site.at('patched'), '0123456789');
    const type = 'Content-Type: application/x-sabredav-partialupdate';
    const patch = ['-X', 'PATCH', '-H', type, '--data-binary', 'abc', '-H'];
    expect(await curl('patched', ...patch, 'X-Update-Range: bytes=2-4')).toBe(204);
    expect(await curl('patched', ...patch, 'X-Update-Range: append')).toBe(204);
    expect(await readFile(site.at('patched'), 'utf8')).toBe('01abc56789abc');
  });
});
