import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger, logLine, openLogFile } from '../../daemon/log-file.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  folder = await temporaryDirectory('ferry-log');
});
afterEach(() => folder.close());

describe('the log', () => {
  it('holds one JSON object a line, with the fields of child loggers', async () => {
    const path = join(folder.path, 'log', 'ferry.log');
    const file = openLogFile(path, 'info');
    const log = createLogger(file, () => 0).child({ pair: 'docs' });
    log.info('run finished', { sizeBytes: 3n, error: new Error('odd') });
    log.debug('not wanted');
    file.close();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      message: 'run finished',
      pair: 'docs',
      sizeBytes: '3',
      error: { name: 'Error', message: 'odd' },
    });
  });

  it('never holds a secret', () => {
    const line = logLine('info', 0, 'connecting to https://me:hunter2@example.org/', {
      password: 'hunter2',
      headers: { Authorization: 'Basic hunter2', Cookie: 'hunter2' },
      credentials: { user: 'me', password: 'hunter2' },
      url: 'https://me:hunter2@example.org/dav/',
    });
    expect(line).not.toContain('hunter2');
    expect(line).toContain('https://example.org/dav/');
  });

  it('keeps so many files of so many bytes, the newest lines in the first', async () => {
    const path = join(folder.path, 'ferry.log');
    const file = openLogFile(path, 'info', { maxBytes: 100, files: 3 });
    for (let n = 0; n < 50; n += 1) file.write(`line number ${n} of fifty\n`);
    file.close();
    expect((await readdir(folder.path)).sort()).toEqual([
      'ferry.log',
      'ferry.log.1',
      'ferry.log.2',
    ]);
    expect(await readFile(path, 'utf8')).toContain('line number 49');
    for (const name of await readdir(folder.path))
      expect((await readFile(join(folder.path, name))).length).toBeLessThanOrEqual(100);
  });

  it('goes on in the file that is there', async () => {
    const path = join(folder.path, 'ferry.log');
    for (const text of ['one\n', 'two\n']) {
      const file = openLogFile(path, 'info');
      file.write(text);
      file.close();
    }
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
  });
});
