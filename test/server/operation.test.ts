import { mkdtemp, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { accessLine, openAccessLog } from '../../server/access-log.ts';
import type { ResourcePath } from '../../server/request-path.ts';
import type { RequestRecord } from '../../server/request-record.ts';
import { hashPassword } from '../../server/users.ts';
import { type Fixture, recordingLogger, startServer } from './support/running-server.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

let site: Fixture | null = null;
let state: string;
let passwordHash: string;
let records: RequestRecord[];

const ann = { authorization: `Basic ${Buffer.from('ann:sesame').toString('base64')}` };

beforeAll(async () => {
  passwordHash = await hashPassword('sesame');
});

beforeEach(async () => {
  records = [];
  state = await mkdtemp(join(tmpdir(), 'ferry-operation-'));
});

afterEach(async () => {
  await site?.close();
  site = null;
  await rm(state, { recursive: true, force: true });
});

async function start(options: Parameters<typeof startServer>[0] = {}): Promise<Fixture> {
  const users = [
    { name: 'ann', passwordHash, root: 'home' as ResourcePath },
    { name: 'all', passwordHash },
  ];
  site = await startServer({ users, observe: (record) => records.push(record), ...options });
  await site.ask('MKCOL', '/home', {
    authorization: `Basic ${Buffer.from('all:sesame').toString('base64')}`,
  });
  return site;
}

async function settled(count: number): Promise<void> {
  for (let tries = 0; records.length < count && tries < 100; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a health check', () => {
  test('is answered without a sign-in, and reveals nothing but readiness', async () => {
    const { ask } = await start();
    const answer = await ask('GET', '/.well-known/ferry/health');
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'ok' }]);
    const elsewhere = await ask('HEAD', '/.well-known/ferry/health', { host: 'ferry.example' });
    expect([elsewhere.status, elsewhere.body]).toEqual([200, '']);
    expect(JSON.stringify(answer.headers)).not.toMatch(/ferry|node|home/i);
    for (const path of ['/.well-known/ferry', '/.well-known/ferry/health/x', '/.well-known'])
      expect([path, (await ask('GET', path)).status]).toEqual([path, 401]);
    expect((await ask('PUT', '/.well-known/ferry/health', {}, 'x')).status).toBe(401);
  });
});

describe('an access log', () => {
  test('has a line for each request: who, what and how much, with paths as they are on the disk', async () => {
    const { ask } = await start();
    await ask('PUT', '/a%20b', ann, 'x'.repeat(5000));
    await ask('GET', '/a%20b?secret=1', ann);
    await ask('GET', '/missing', ann);
    await ask('GET', '/home', { authorization: 'Basic d3Jvbmc6d3Jvbmc=' });
    await settled(5);
    const lines = records.slice(1).map((record) => JSON.parse(accessLine(record)));
    const common = { address: '127.0.0.1', user: 'ann', token: null };
    expect(lines).toMatchObject([
      { ...common, method: 'PUT', path: 'home/a b', status: 201 },
      { ...common, method: 'GET', path: 'home/a b', status: 200 },
      { ...common, method: 'GET', path: 'home/missing', status: 404 },
      { user: null, method: 'GET', path: null, status: 401 },
    ]);
    expect(lines[0].bytesIn).toBeGreaterThan(5000);
    expect(lines[1].bytesOut).toBeGreaterThan(5000);
    expect(lines[1].bytesIn).toBeLessThan(1000);
    for (const { ms, time } of lines) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    }
    expect(JSON.stringify(lines)).not.toMatch(/sesame|secret|wrong|Basic/);
  });

  test('goes on in a new file after the old one was moved away, and keeps every line', async () => {
    const file = join(state, 'access.log');
    const log = await openAccessLog(file, recordingLogger());
    const { ask } = await start({ observe: log.note });
    await ask('GET', '/.well-known/ferry/health');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rename(file, `${file}.1`);
    log.reopen();
    for (let n = 0; n < 20; n++) await ask('GET', '/.well-known/ferry/health');
    await site?.server.close();
    await log.close();
    const linesOf = async (name: string) =>
      (await readFile(name, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(await linesOf(`${file}.1`)).toHaveLength(2);
    expect(await linesOf(file)).toHaveLength(20);
  });

  test('that cannot be opened is an error that names it', async () => {
    const file = join(state, 'none', 'access.log');
    await expect(openAccessLog(file, recordingLogger())).rejects.toMatchObject({
      code: 'LOCAL_PERMISSION',
      path: file,
    });
  });
});

describe('metrics', () => {
  /** Reads the text format of Prometheus; fails for a line that it does not have. */
  function parse(text: string): ReadonlyMap<string, number> {
    const samples = new Map<string, number>();
    const typed = new Set<string>();
    for (const line of text.trimEnd().split('\n')) {
      const type = /^# TYPE (\w+) (?:counter|gauge|histogram)$/.exec(line)?.[1];
      if (type !== undefined) typed.add(type);
      if (line.startsWith('#')) continue;
      const [, name = '', labels = '', value] =
        /^([a-z_]+)((?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})?) (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
          line,
        ) ?? [];
      expect([line, value]).not.toContain(undefined);
      expect(typed).toContain(name.replace(/_(?:bucket|sum|count)$/, ''));
      samples.set(name + labels, Number(value));
    }
    return samples;
  }

  test('count requests by method and status, their time, bytes, connections and locks', async () => {
    const { ask, server } = await start({ metrics: { host: '127.0.0.1', port: 0 } });
    for (let n = 0; n < 3; n++) await ask('GET', '/missing', ann);
    const owner = '<D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>';
    await ask('LOCK', '/file', ann, `<D:lockinfo xmlns:D="DAV:">${owner}</D:lockinfo>`);
    await settled(5);
    const answer = await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`);
    expect(answer.headers.get('content-type')).toContain('version=0.0.4');
    const samples = parse(await answer.text());
    expect(samples.get('ferry_requests_total{method="GET",status="404"}')).toBe(3);
    expect(samples.get('ferry_locks')).toBe(1);
    expect(samples.get('ferry_request_duration_seconds_count')).toBe(5);
    expect(samples.get('ferry_request_duration_seconds_bucket{le="+Inf"}')).toBe(5);
    for (const name of [
      'ferry_received_bytes_total',
      'ferry_sent_bytes_total',
      'ferry_connections',
      'ferry_sync_groups_total',
      'ferry_feed_sequence',
      'process_resident_memory_bytes',
    ])
      expect([name, (samples.get(name) ?? 0) > 0]).toEqual([name, true]);
  });

  test('are for this machine only', async () => {
    const { ask, server } = await start({ metrics: { host: '127.0.0.1', port: 0 } });
    expect((await ask('GET', '/metrics', ann)).status).toBe(404);
    expect((await ask('GET', '/metrics')).status).toBe(401);
    expect((await fetch(`http://127.0.0.1:${server.metricsPort}/`)).status).toBe(404);
    await expect(startServer({ metrics: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('the reserve of the disk', () => {
  const ALL = Number.MAX_SAFE_INTEGER;

  test('is not used up by uploads: they are refused with 507, and what is there stays usable', async () => {
    const { ask, at } = await start({ users: null, reserveBytes: ALL });
    await writeFile(at('old'), 'old');
    const refused = await ask('PUT', '/new', {}, 'x');
    expect([refused.status, refused.body.includes('sufficient-disk-space')]).toEqual([507, true]);
    expect((await ask('GET', '/old')).body).toBe('old');
    expect((await ask('DELETE', '/old')).status).toBe(204);
    const quota =
      '<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/></D:prop></D:propfind>';
    const { body } = await ask('PROPFIND', '/', { depth: '0' }, quota);
    expect(body).toContain('<D:quota-available-bytes>0</D:quota-available-bytes>');
  });

  test('ends a body without a length that grows into it', async () => {
    const { bavail, bsize } = await statfs(state);
    // What is left is less than the body, whatever other programs take or give meanwhile.
    const { ask, at } = await start({ users: null, reserveBytes: bavail * bsize - 16 * 1024 ** 2 });
    const body = Buffer.alloc(48 * 1024 ** 2);
    const answer = await ask('PUT', '/endless', { 'transfer-encoding': 'chunked' }, body).catch(
      () => null,
    );
    // The connection may be cut before the client has seen why.
    expect([null, 507]).toContain(answer?.status ?? null);
    await expect(readFile(at('endless'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(at('.ferry/stage'))).toEqual([]);
  });
});
