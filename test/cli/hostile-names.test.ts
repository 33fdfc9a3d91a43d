import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { misbehaving } from '../support/servers/misbehaving.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Names that would set a terminal's title, erase what stands above, forge a line, or show another ending. */
const NAMES = [
  'title\u001b]0;evil\u0007.txt',
  'clear\u001b[2J\u001b[H.txt',
  'line\nferry: everything is in sync.txt',
  'return\rferry: nothing changed.txt',
  'turned\u202egpj.exe',
  'c1\u009b31m.txt',
  '<img src=x onerror=alert(1)>.txt',
];
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
  ferry = ferryInProcess(at('home'), folder.path);
  await mkdir(at('mine'));
  await mkdir(at('theirs'));
});
afterEach(() => folder.close());

async function fill(side: string, content: string): Promise<void> {
  for (const name of NAMES) await writeFile(at(`${side}/${name}`), content);
}

test('no name of a file steers the terminal or forges a line, whatever is said of it', async () => {
  await ferry('pair', 'add', 'mine', './theirs', '--name', 'p');
  await fill('mine', 'one');
  const said: [command: string, text: string][] = [];
  const run = async (...args: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await ferry(...args);
    said.push([args.join(' '), stdout + stderr]);
  };
  await run('sync', 'p', '--dry-run', '--verbose');
  await run('sync', 'p', '--dry-run');
  await run('sync', 'p', '--verbose');
  await fill('mine', 'two');
  await fill('theirs', 'other');
  await run('sync', 'p', '--verbose');
  await run('conflicts');
  await run('conflicts', 'list', 'p');
  for (const name of NAMES) {
    await run('conflicts', 'show', name);
    await run('why', `mine/${name}`);
    await run('versions', `mine/${name}`);
    await run('why', `mine/missing ${name}`);
  }
  await run('conflicts', 'keep', 'both', '--all', '--dry-run');
  for (const name of NAMES) await rm(at(`mine/${name}`));
  await run('sync', 'p');
  await run('plan', 'show', 'p');
  await run('undo', 'p', '--dry-run');
  await run('status');
  await run('pair', 'list');
  const steered = said.filter(
    ([, text]) => STEERING.test(text) || /^ferry: (everything|nothing)/m.test(text),
  );
  expect(steered).toEqual([]);
  expect(said.map(([, text]) => text).join()).toContain('title\\u001b]0;evil\\u0007.txt');
});

test('neither does what a server says', async () => {
  const words = 'Busy\u009b2J\u202e<b>';
  const server = await misbehaving((_, response) => {
    response.writeHead(403, { 'content-type': 'application/xml', server: 'x' });
    response.end(
      `<D:error xmlns:D="DAV:"><F:message xmlns:F="urn:ferry">${words}&#10;ferry: everything</F:message></D:error>`,
    );
  });
  try {
    const { stdout, stderr, code } = await ferry('pair', 'add', 'mine', server.url, '--name', 'p');
    expect(stdout + stderr).not.toMatch(STEERING);
    expect(stdout + stderr).not.toMatch(/^ferry: everything/m);
    if (code === 0) {
      const synced = await ferry('sync', 'p');
      expect(synced.stdout + synced.stderr).not.toMatch(STEERING);
    }
  } finally {
    await server.close();
  }
});
