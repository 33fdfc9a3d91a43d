import { execFile } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { misbehaving } from '../support/servers/misbehaving.ts';
import {
  endlessListing,
  entityBomb,
  fileEntry,
  packedBomb,
  strangeEntry,
  wordyEntry,
} from '../support/servers/wire/bombs.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../support/observe-and-measure.js', import.meta.url));

const isLong = process.env['FERRY_LONG'] === '1';
const MB = 1024 * 1024;
/** A gigabyte takes a minute to read; the memory that it takes shows earlier. */
const LISTING_BYTES = isLong ? 1024 * MB : 24 * MB;
const TIMEOUT_MS = isLong ? 600_000 : 60_000;
/** Over a gigabyte the collector lets the heap grow a little more before it stays as it is. */
const ALLOWED_BYTES = (isLong ? 64 : 32) * MB;

interface Measured {
  readonly code: string | null;
  readonly entries: number;
  readonly grownBytes: number;
}

/** Lists a server that answers with `bomb`, in a process of its own. */
async function observed(
  bomb: (response: ServerResponse) => void | Promise<void>,
  ...more: readonly string[]
): Promise<Measured> {
  const server = await misbehaving((request, response) => {
    // What a program loads and compiles on its first listing is no growth.
    if (request.url === '/warm/')
      void endlessListing(response, 4 * MB, wordyEntry).catch(() => undefined);
    else void Promise.resolve(bomb(response)).catch(() => undefined);
  });
  try {
    const options = { timeout: TIMEOUT_MS - 5000 };
    const { stdout } = await run(process.execPath, [PROGRAM, server.url, ...more], options);
    const measured = JSON.parse(stdout) as Measured;
    process.stderr.write(
      `${expect.getState().currentTestName}: ${Math.round(measured.grownBytes / MB)} MB\n`,
    );
    return measured;
  } finally {
    await server.close();
  }
}

function answer(type: Readonly<Record<string, string>>, body: string | Buffer) {
  return (response: ServerResponse): void => {
    response.writeHead(207, { 'content-type': 'application/xml', ...type });
    response.end(body);
  };
}

describe('what is far too much', () => {
  test(
    'a listing of a gigabyte of words takes no memory',
    async () => {
      const measured = await observed((r) => endlessListing(r, LISTING_BYTES, wordyEntry));
      expect(measured).toMatchObject({ code: null, entries: 1 });
      expect(measured.grownBytes).toBeLessThanOrEqual(ALLOWED_BYTES);
    },
    TIMEOUT_MS,
  );

  test(
    'a listing of a gigabyte of names that cannot be used takes no memory, and is reported',
    async () => {
      const measured = await observed((r) => endlessListing(r, LISTING_BYTES / 2, strangeEntry));
      expect(measured).toMatchObject({ code: null, entries: 1000 });
      expect(measured.grownBytes).toBeLessThanOrEqual(ALLOWED_BYTES);
    },
    TIMEOUT_MS,
  );

  test(
    'a listing of ten million entries ends at the budget',
    async () => {
      const all = (r: ServerResponse) => endlessListing(r, 10_000_000 * 200, fileEntry);
      const measured = await observed(all, '10000');
      expect(measured).toMatchObject({ code: 'REMOTE_PROTOCOL', entries: 0 });
      expect(measured.grownBytes).toBeLessThanOrEqual(ALLOWED_BYTES);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['entities in entities', answer({}, entityBomb())],
    [
      'elements in elements',
      answer({}, `<d:multistatus xmlns:d="DAV:">${'<a>'.repeat(2_000_000)}`),
    ],
    ['a text without end', answer({}, `<d:multistatus xmlns:d="DAV:">${'x'.repeat(20 * MB)}`)],
    ['200 MB packed into 200 KB', answer({ 'content-encoding': 'gzip' }, packedBomb())],
    ['200 MB packed, and not said so', answer({}, packedBomb())],
  ])(
    '%s is refused, and takes no memory',
    async (_name, bomb) => {
      const measured = await observed(bomb);
      expect(measured).toMatchObject({ code: 'REMOTE_PROTOCOL', entries: 0 });
      expect(measured.grownBytes).toBeLessThanOrEqual(ALLOWED_BYTES);
    },
    TIMEOUT_MS,
  );
});
