import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Fault, withHeaders } from '../support/servers/wire/fault.ts';
import { NEVER, PERHAPS } from '../support/servers/wire/hostile-names.ts';
import { added } from '../support/servers/wire/listings.ts';
import { WireWorld } from '../support/wire-world.ts';

/** What the default rules leave out: editors' and systems' scratch files. */
const LEFT_OUT_BY_DEFAULT = ['~', 'desktop.ini'];

let world: WireWorld;

beforeEach(async () => {
  world = await WireWorld.open();
  await world.write('server', 'docs/plan.txt', 'a plan');
  await world.write('server', 'keep.txt', 'kept');
  expect((await world.sync()).error).toBeNull();
  await world.remember();
}, 30_000);

afterEach(() => world.close(), 30_000);

/** Lists these addresses besides what is there, and has five bytes behind each. */
function listing(hrefs: readonly string[]): Fault {
  const names = added({ path: '' }, hrefs);
  return {
    strikes: (exchange) => exchange.method === 'GET' || names.strikes(exchange),
    strike: async (exchange) => {
      if (exchange.method === 'PROPFIND') return await names.strike(exchange);
      const answered = await exchange.forward();
      if (answered.status === 200) return exchange.reply(answered);
      const headers = { etag: '"v1"', 'content-length': '5' };
      exchange.reply({
        ...withHeaders(answered, headers),
        status: 200,
        body: Buffer.from('hello'),
      });
    },
  };
}

/** Everything in the root but Ferry's own folder. */
async function namesInRoot(): Promise<readonly string[]> {
  return (await readdir(world.local)).filter((name) => name !== '.ferry').sort();
}

describe('names in a listing', () => {
  test('there are enough of them to mean something', () => {
    expect(new Set([...NEVER, ...PERHAPS]).size).toBeGreaterThanOrEqual(300);
  });

  test('that lead out of the root, or that nothing can be made of, are problems, each of them', async () => {
    const before = await namesInRoot();
    const { error, summary } = await world.sync(listing(NEVER));
    expect(error).toBeNull();
    const reported = summary?.problems ?? [];
    expect(reported.filter(({ code }) => code !== 'NAME_NOT_ALLOWED')).toEqual([]);
    const unheard = NEVER.filter((href) => {
      const shown = JSON.stringify(href.slice(0, 120));
      return !reported.some(({ message }) => message.includes(shown));
    });
    expect(unheard).toEqual([]);
    expect(await namesInRoot()).toEqual(before);
    await world.expectUnharmed(await world.both());
    expect(await world.sync()).toMatchObject({ error: null, summary: { problems: [] } });
  });

  test('that are only odd are files in the root, or problems, and never anything else', async () => {
    const before = await namesInRoot();
    const { error, summary } = await world.sync(listing(PERHAPS));
    expect(error).toBeNull();
    const made = (await namesInRoot()).filter((name) => !before.includes(name));
    for (const name of made) {
      const stat = await lstat(join(world.local, name));
      expect({ name, isFile: stat.isFile(), size: stat.size }).toEqual({
        name,
        isFile: true,
        size: 5,
      });
    }
    const problems = (summary?.problems ?? []).map(({ path }) => path as string);
    const lost = PERHAPS.map((href) => decodeURIComponent(href.slice(1)).normalize('NFC')).filter(
      (name) =>
        !made.includes(name) &&
        !problems.some((path) => path === name || path.includes(name.slice(0, 20))) &&
        !name.startsWith('.ferry') &&
        !LEFT_OUT_BY_DEFAULT.includes(name),
    );
    expect(lost).toEqual([]);
    expect(made.length).toBeGreaterThan(50);
    expect(made.filter((name) => name.startsWith('.ferry') && name !== '.ferryignore')).toEqual([]);
  });
});
