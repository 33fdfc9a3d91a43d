import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { differences, listTree, makeTree } from '../support/file-trees.ts';
import { runFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let home: string;
let local: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-faults');
  server = await companion().start();
  home = join(folder.path, 'home');
  local = join(folder.path, 'local');
  await mkdir(local);
});

afterEach(async () => {
  await server.close();
  await folder.close();
});

const sync = (...more: readonly string[]) =>
  runFerry(home, ['sync', local, server.url, '--direction', 'two-way', ...more]);

/** A server that answers everything with a page to sign in on. */
async function signInPage(port: number): Promise<{ close(): Promise<void> }> {
  const page = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<html><body><form>Please sign in to the hotel network</form></body></html>');
  });
  await new Promise<void>((resolve) => page.listen(port, '127.0.0.1', resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        page.close(() => resolve());
        page.closeAllConnections();
      }),
  };
}

describe('ferry sync', () => {
  it('says that the server cannot be reached, with exit code 5, and changes nothing', async () => {
    await makeTree(server.directory, 12);
    expect((await sync()).code).toBe(0);
    const before = await listTree(local, { times: 'ms' });
    await server.close();
    const result = await sync();
    expect(result.code).toBe(5);
    expect(result.stderr).toMatch(/nothing listens there; check the address/);
    expect(differences(await listTree(local, { times: 'ms' }), before)).toEqual([]);
  });

  it('changes nothing when every answer is a sign-in page, with exit code 12 and words that say so', async () => {
    await makeTree(server.directory, 12);
    expect((await sync()).code).toBe(0);
    const before = await listTree(local, { times: 'ms' });
    const { port } = new URL(server.url);
    await server.close();
    const portal = await signInPage(Number(port));
    try {
      for (const direction of ['two-way', 'remote-to-local', 'local-to-remote']) {
        const result = await sync('--direction', direction);
        expect([direction, result.code]).toEqual([direction, 12]);
        expect(result.stderr).toMatch(/sign-in page/);
      }
    } finally {
      await portal.close();
    }
    expect(differences(await listTree(local, { times: 'ms' }), before)).toEqual([]);
  });

  it('stops with exit code 12 when the server was emptied, and goes on with --allow-deletes', async () => {
    await makeTree(server.directory, 12);
    expect((await sync()).code).toBe(0);
    const before = await listTree(local, { times: 'ms' });
    for (const name of await readdir(server.directory))
      if (!name.startsWith('.ferry')) await rm(join(server.directory, name), { recursive: true });
    const stopped = await sync();
    expect(stopped.code).toBe(12);
    expect(stopped.stderr).toMatch(/empty/);
    expect(stopped.stderr).toMatch(/--allow-deletes/);
    expect(differences(await listTree(local, { times: 'ms' }), before)).toEqual([]);
    expect((await sync('--allow-deletes')).code).toBe(0);
    expect(await listTree(local)).toEqual({});
    const kept = await readdir(join(local, '.ferry', 'versions'), { recursive: true });
    expect(kept.filter((name) => name.endsWith('.txt'))).toHaveLength(12);
  });

  it('stops with exit code 12 when the local folder was emptied, its marker included', async () => {
    await makeTree(local, 12);
    expect((await sync()).code).toBe(0);
    await rename(local, `${local}-unmounted`);
    expect((await sync()).code).toBe(12);
    await mkdir(local);
    const result = await sync();
    expect(result.code).toBe(12);
    expect(result.stderr).toMatch(/marker|right disk/);
    expect(Object.keys(await listTree(server.directory)).length).toBeGreaterThan(12);
  });

  it('takes what fits and names what does not when the disk is full, with nothing half written', async () => {
    if (process.getuid?.() !== 0) {
      process.stderr.write('skipped: full disk: a small disk can only be mounted by root\n');
      return;
    }
    await run('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', local]);
    try {
      const big = Buffer.alloc(1_500_000, 'x');
      for (const name of ['a', 'b', 'c', 'd']) await writeFile(join(server.directory, name), big);
      await writeFile(join(server.directory, 'small'), 'small');
      const result = await sync();
      expect(result.code).toBe(5);
      expect(result.stderr).toMatch(/space|room|full/i);
      expect(await readFile(join(local, 'small'), 'utf8')).toBe('small');
      const names = (await readdir(local)).filter((name) => name !== '.ferry');
      for (const name of names.filter((one) => one !== 'small'))
        expect((await readFile(join(local, name))).equals(big)).toBe(true);
      expect(await readdir(join(local, '.ferry', 'stage'))).toEqual([]);
      expect(await readdir(server.directory)).toEqual(expect.arrayContaining(['a', 'b', 'c', 'd']));
      await run('mount', ['-o', 'remount,size=30m', local]);
      expect((await sync()).code).toBe(0);
      expect(differences(await listTree(local), await listTree(server.directory))).toEqual([]);
    } finally {
      await run('umount', ['-l', local]);
    }
  });
});

describe('ferry with a password', () => {
  it('says that the server refused the password, with exit code 13', async () => {
    const refusing = createServer((request, response) => {
      request.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="files"' });
      response.end();
    });
    await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
    const { port } = refusing.address() as AddressInfo;
    try {
      const result = await runFerry(home, [
        'sync',
        local,
        `http://127.0.0.1:${port}/`,
        '--direction',
        'two-way',
      ]);
      expect(result.code).toBe(13);
      expect(result.stderr).toMatch(/user|password|sign/i);
    } finally {
      refusing.closeAllConnections();
      await new Promise((resolve) => refusing.close(resolve));
    }
  });
});
