import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { blake3 } from '@napi-rs/blake-hash';
import { randomBytes } from '../native/random-bytes.ts';

const PROGRAM = fileURLToPath(new URL('./support/serve-process.js', import.meta.url));
const content = randomBytes(1, 3_000_000);
const hash = blake3(content).toString('hex');

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
}

async function startProcess(directory: string): Promise<Served> {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: `${line.toString().trim()}f` };
}

async function kill({ child }: Served): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function keptIn(directory: string): Promise<number> {
  const folder = join(directory, '.ferry/uploads');
  const [name] = await readdir(folder).catch(() => []);
  return name === undefined ? 0 : (await stat(join(folder, name))).size;
}

test('an upload goes on after the server was killed in its middle, and after it was killed at its end', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'));
  try {
    let served = await startProcess(directory);
    const range = `bytes 0-${content.length - 1}/${content.length}`;
    const headers = { 'ferry-upload': 'u', 'content-range': range };
    const sending = request(served.url, { method: 'PUT', headers });
    sending.on('error', () => undefined); // the connection ends with the server
    sending.setHeader('content-length', content.length);
    sending.write(content.subarray(0, 2_000_000));
    for (let tries = 0; tries < 200 && (await keptIn(directory)) < 1_000_000; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await kill(served);

    served = await startProcess(directory);
    const look = await fetch(served.url, { method: 'HEAD', headers: { 'ferry-upload': 'u' } });
    const at = Number(look.headers.get('upload-offset'));
    expect(at).toBeGreaterThanOrEqual(1_000_000);
    const rest = `bytes ${at}-${content.length - 1}/${content.length}`;
    const last = fetch(served.url, {
      method: 'PUT',
      headers: { 'ferry-upload': 'u', 'content-range': rest, 'ferry-hash': hash },
      body: content.subarray(at),
    }).then(
      ({ status }) => status,
      () => null,
    );
    await Promise.race([last, new Promise((resolve) => setTimeout(resolve, 15))]);
    await kill(served);
    const status = await last;

    served = await startProcess(directory);
    const found = await readFile(join(directory, 'f')).catch(() => null);
    // Whole or not there at all, and there if it was confirmed.
    expect(found === null || found.equals(content)).toBe(true);
    if (status !== null) expect([status, found?.length]).toEqual([201, content.length]);
    expect(await readdir(join(directory, '.ferry/stage'))).toEqual([]);
    await kill(served);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 40_000);
