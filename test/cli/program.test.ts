import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../../cli/command-table.ts';
import { readVersion } from '../../cli/version.ts';
import { FERRY_MAIN } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;

function ferry(...args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [FERRY_MAIN, ...args], {
    cwd: folder.path,
    env: { ...process.env, FERRY_HOME: at('home'), FERRY_DEVICE: 'test' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function lastLine(result: Result): Record<string, unknown> {
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-cli');
  at = (name) => join(folder.path, name);
  await mkdir(at('a'));
  await mkdir(at('b'));
  await writeFile(at('a/one.txt'), 'one');
});
afterEach(() => folder.close());

describe('wrong usage', () => {
  it.each([
    ['an unknown command', ['frobnicate'], 'frobnicate'],
    ['an unknown flag', ['sync', '--fast'], '--fast'],
    ['a missing argument', ['pair', 'add', 'a'], 'remote'],
    ['too many arguments', ['daemon', 'status', 'now'], 'too many'],
    ['an unknown direction', ['pair', 'add', 'a', 'b', '--direction', 'up'], 'up'],
    ['a bad interval', ['pair', 'add', 'a', 'b', '--every', 'often'], '--every'],
    ['days without a time', ['pair', 'add', 'a', 'b', '--days', 'mon-fri'], '--at'],
    ['a mirror that has no master', ['pair', 'add', 'a', 'b', '--mirror'], '--mirror'],
    ['a pattern that is none', ['pair', 'add', 'a', 'b', '--guard-file', 'x=('], '--guard-file'],
    ['one folder inside the other', ['pair', 'add', 'a', 'a/in'], 'overlap'],
    ['a pair that does not exist', ['sync', 'nope'], 'nope'],
    ['two folders without a direction', ['sync', 'a', 'b'], '--direction'],
    ['a remote that is misspelt', ['pair', 'add', 'a', 'harbor'], './harbor'],
    ['a folder of one', ['mount', 'harbor:Photos', 'drive'], 'no remote named harbor,'],
    ['a drive in the folder that it shows', ['mount', 'b', 'b/sub'], 'overlap'],
    ['an unknown shell', ['completion', 'tcsh'], 'tcsh'],
    ['a remote of a kind that is not there', ['remote', 'add', 'x', 'sftp://h/'], 'sftp'],
  ])('is exit code 2 and says what: %s', async (_what, args, word) => {
    const { code, stdout, stderr } = await ferry(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(word);
    expect(stderr).toMatch(/^ferry: /);
  });

  it('is an error document too, with --json', async () => {
    for (const args of [['frobnicate'], ['sync', '--fast'], ['sync', 'nope']]) {
      const { code, stdout } = await ferry(...args, '--json');
      expect([code, JSON.parse(stdout)]).toEqual([
        2,
        { error: { code: 'CONFIG_INVALID', message: expect.any(String) } },
      ]);
    }
  });

  it('does not crash where nobody reads', async () => {
    await writeFile(at('many.sh'), '"$@" 2>&1 | true; echo $PIPESTATUS');
    const run = (...args: string[]) =>
      new Promise<string>((resolve) => {
        const environment = { ...process.env, FERRY_HOME: at('home') };
        const all = [at('many.sh'), process.execPath, FERRY_MAIN, ...args];
        execFile('bash', all, { env: environment, timeout: 20_000 }, (_, out) => resolve(out));
      });
    expect(await run('status')).toBe('0\n');
    expect(await run('frobnicate')).toBe('2\n');
    expect(await run('log', '-f')).toBe('0\n');
  });

  it('says what to do when its own folder cannot be made', async () => {
    await writeFile(at('home'), 'a file');
    const { code, stderr } = await ferry('daemon', 'start');
    expect([code, stderr]).toEqual([1, expect.stringContaining('set FERRY_HOME')]);
  });

  it('names the key of a broken configuration', async () => {
    await mkdir(at('home'));
    await writeFile(at('home/config.json'), '{"pairs":{"docs":{"local":"x"}}}');
    const { code, stderr } = await ferry('pair', 'list');
    expect(code).toBe(2);
    expect(stderr).toContain(at('home/config.json'));
    expect(stderr).toContain('pairs.docs.local');
  });
});

describe('ferry', () => {
  it('prints its version and nothing else', async () => {
    expect(await ferry('--version')).toEqual({ code: 0, stdout: `${readVersion()}\n`, stderr: '' });
  });

  it('lists every command in its help', async () => {
    const { stdout } = await ferry('--help');
    for (const word of new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? '')))
      expect(stdout).toMatch(new RegExp(`^ {2}${word}\\b`, 'm'));
  });

  it('says 3 for a source that is not there, and 14 without a daemon', async () => {
    const missing = await ferry('pair', 'add', 'gone', 'b', '--direction', 'local-to-remote');
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain(at('gone'));
    expect((await ferry('daemon', 'status')).code).toBe(14);
    expect((await ferry('daemon', 'stop')).code).toBe(14);
  });

  it('keeps a pair as its flags say, and edits only what is said', async () => {
    const flags = ['--every', '15m', '--at', '02:30', '--days', 'mon-fri', '--ignore', '*.tmp'];
    const more = ['--ignore', 're:^x', '--max-delete', '10%', '--bandwidth', '2M'];
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs', '--watch', ...flags, ...more);
    await ferry('pair', 'edit', 'docs', '--no-watch', '--bandwidth', 'off');
    const { stdout } = await ferry('pair', 'show', 'docs', '--json');
    expect(JSON.parse(stdout)).toEqual({
      name: 'docs',
      local: at('a'),
      remote: at('b'),
      direction: 'two-way',
      schedule: {
        everyMs: 900_000,
        at: ['02:30'],
        days: ['mon', 'tue', 'wed', 'thu', 'fri'],
        onStart: false,
        onExit: false,
        watch: false,
      },
      deletes: 'propagate',
      mirror: false,
      ignore: ['*.tmp', 're:^x'],
      maxDeleteFraction: 0.1,
      trustTimes: false,
    });
  });

  it('takes a password out of a URL and keeps it where only the user can read it', async () => {
    await ferry('pair', 'add', 'a', 'http://me:hunter2@127.0.0.1:9/dav/', '--name', 'docs');
    expect(await readFile(at('home/config.json'), 'utf8')).not.toContain('hunter2');
    expect(await readFile(at('home/secrets.json'), 'utf8')).toContain('hunter2');
    expect((await stat(at('home/secrets.json'))).mode & 0o777).toBe(0o600);
  });

  it('does not remove a remote that a pair uses', async () => {
    await ferry('remote', 'add', 'disk', 'b');
    await ferry('pair', 'add', 'a', 'disk', '--name', 'docs');
    const refused = await ferry('remote', 'remove', 'disk');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('docs')]);
    expect((await ferry('pair', 'remove', 'docs')).code).toBe(0);
    expect((await ferry('remote', 'remove', 'disk')).code).toBe(0);
  });

  it('pauses and resumes without a daemon', async () => {
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs');
    await ferry('pause', 'docs');
    const paused = JSON.parse((await ferry('status', '--json')).stdout);
    expect(paused).toMatchObject({ daemon: false, pairs: [{ name: 'docs', paused: true }] });
    await ferry('resume');
    const resumed = JSON.parse((await ferry('status', '--json')).stdout);
    expect(resumed.pairs[0].paused).toBe(false);
  });
});

describe('ferry sync', () => {
  it('runs an unnamed pair, whose records are kept by its two roots', async () => {
    const args = ['sync', 'a', 'b', '--direction', 'two-way', '--json'];
    expect(lastLine(await ferry(...args))).toMatchObject({ uploaded: 1, problems: [] });
    expect(await readFile(at('b/one.txt'), 'utf8')).toBe('one');
    const again = lastLine(await ferry(...args));
    expect(again).toMatchObject({ uploaded: 0, adopted: 0, downloaded: 0 });
  });

  it('changes nothing in a dry run, and lists what it would do', async () => {
    const { code, stdout } = await ferry('sync', 'a', 'b', '--direction', 'two-way', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^upload +one\.txt/);
    expect(await readdir(at('b'))).not.toContain('one.txt');
  });

  it('exits with 11 after a conflict, which is listed and can be settled', async () => {
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs');
    await ferry('sync', 'docs');
    await writeFile(at('a/one.txt'), 'mine!');
    await writeFile(at('b/one.txt'), 'theirs');
    expect((await ferry('sync', 'docs')).code).toBe(11);
    const [conflict] = JSON.parse((await ferry('conflicts', 'list', '--json')).stdout);
    expect(conflict).toMatchObject({ pair: 'docs', path: 'one.txt', copyFrom: 'local' });
    const status = JSON.parse((await ferry('status', '--json')).stdout);
    expect(status.pairs[0]).toMatchObject({ conflicts: 1, recordedEntries: 2 });
    expect((await ferry('conflicts', 'keep', 'local', 'one.txt')).code).toBe(0);
    expect((await ferry('sync', 'docs')).code).toBe(0);
    expect(await readFile(at('b/one.txt'), 'utf8')).toBe('mine!');
  });

  it('exits with 12 when a guard holds it, and goes on with --allow-deletes', async () => {
    for (let n = 0; n < 40; n += 1) await writeFile(at(`a/${n}.txt`), String(n));
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs');
    await ferry('sync', 'docs');
    const { rm } = await import('node:fs/promises');
    for (let n = 0; n < 30; n += 1) await rm(at(`a/${n}.txt`));
    const held = await ferry('sync', 'docs');
    expect(held.code).toBe(12);
    expect(held.stderr).toContain('--allow-deletes');
    expect((await ferry('sync', 'docs', '--allow-deletes')).code).toBe(0);
    expect(await readdir(at('b'))).not.toContain('7.txt');
  });

  it('goes on with the other pairs when one fails', async () => {
    await ferry('pair', 'add', 'gone', './c', '--name', 'first');
    await ferry('pair', 'add', 'a', 'b', '--name', 'second');
    await ferry('sync', 'first');
    const { rm } = await import('node:fs/promises');
    await rm(at('gone'), { recursive: true });
    const { code, stderr } = await ferry('sync');
    expect(code).not.toBe(0);
    expect(stderr).toContain('first');
    expect(await readFile(at('b/one.txt'), 'utf8')).toBe('one');
  });

  it('says first what a reset moves, and does nothing without a yes', async () => {
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs');
    await ferry('sync', 'docs');
    const asked = await ferry('reset', 'docs');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/1 file \(3 B\)/);
    expect((await ferry('reset', 'docs', '--yes')).code).toBe(0);
  });
});

describe('ferry daemon', () => {
  it('is started, runs pairs for other commands, watches, and is stopped', async () => {
    await ferry('pair', 'add', 'a', 'b', '--name', 'docs', '--watch');
    expect((await ferry('daemon', 'start')).code).toBe(0);
    try {
      const summary = lastLine(await ferry('sync', 'docs', '--json'));
      expect(summary).toMatchObject({ pair: 'docs', problems: [] });
      const status = JSON.parse((await ferry('status', '--json')).stdout);
      expect(status).toMatchObject({ daemon: true, pairs: [{ name: 'docs', recordedEntries: 1 }] });
      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'a'],
      ]) {
        await writeFile(at(`${from}/from-${from}.txt`), 'two');
        const deadline = Date.now() + 10_000;
        while (!(await readdir(at(`${to}`))).includes(`from-${from}.txt`) && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 50));
        expect(await readFile(at(`${to}/from-${from}.txt`), 'utf8')).toBe('two');
      }
    } finally {
      expect((await ferry('daemon', 'stop')).code).toBe(0);
    }
    expect((await ferry('log')).stdout).toContain('daemon stopped');
  }, 40_000);
});
