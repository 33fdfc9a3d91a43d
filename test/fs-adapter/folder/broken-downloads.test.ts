import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { KeptBeginning } from '../../../core/chunks.ts';
import type { Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import type { Clock, WriteItem, WriteResult } from '../../../core/ports.ts';
import { VerifiedStream } from '../../../core/transfer/verified-stream.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { observeAll } from '../../conformance/setting.ts';
import { availableBackends, type Backend } from '../../native/backends.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const MIB = 1024 * 1024;
const CONTENT = Buffer.alloc(20 * MIB, 'what is downloaded, of twenty megabytes; ');
const PIECE = 64 * 1024;

interface Attempt {
  readonly version?: string;
  /** The transfer breaks off after so many bytes, of those that are asked for. */
  readonly breaksAfter?: number;
  readonly code?: 'REMOTE_UNAVAILABLE' | 'REMOTE_PROTOCOL';
  readonly content?: Buffer;
}

class Download {
  readonly item: WriteItem;
  /** Bytes that were transferred. */
  sent = 0;

  constructor({
    version = 'v1',
    breaksAfter,
    code = 'REMOTE_UNAVAILABLE',
    content = CONTENT,
  }: Attempt) {
    const path = parseSyncPath('large.bin');
    const verified = (kept: KeptBeginning | null): AsyncIterable<Uint8Array> => {
      const from = kept?.sizeBytes ?? 0;
      const all = async function* (this: Download): AsyncIterable<Uint8Array> {
        for (let at = from; at < content.length; at += PIECE) {
          if (breaksAfter !== undefined && this.sent >= breaksAfter)
            throw new FerryError(code, 'the connection is gone');
          const piece = content.subarray(at, at + PIECE);
          this.sent += piece.length;
          yield piece;
        }
      };
      return new VerifiedStream(all.call(this), {
        path,
        sizeBytes: content.length,
        ...(kept === null ? {} : { kept: kept.read() }),
      });
    };
    this.item = {
      path,
      expected: 'absent',
      sizeBytes: content.length,
      sourceVersion: version as Version,
      open: async () => verified(null),
      openAfter: async (kept) => verified(kept),
    };
  }
}

async function inFolder(
  backend: Backend,
  work: (run: (attempt: Attempt) => Promise<Download>, absolutePath: string) => Promise<void>,
  clock: Clock = realClock,
): Promise<void> {
  const folder = await temporaryDirectory('ferry-broken');
  const absolutePath = join(folder.path, 'root');
  /** One run of a program: it opens the folder, looks, writes and ends. */
  const run = async (attempt: Attempt): Promise<Download> => {
    const options = { absolutePath, deviceName: 'laptop', clock, logger: quietLogger, backend };
    const replica = await openFolderReplica(options);
    await replica.identify({ create: true });
    await observeAll(replica);
    const download = new Download(attempt);
    const results: WriteResult[] = [];
    for await (const group of replica.writeMany([download.item])) results.push(...group);
    expect(results).toHaveLength(1);
    expect('error' in (results[0] ?? {})).toBe(attempt.breaksAfter !== undefined);
    await replica.close();
    return download;
  };
  try {
    await work(run, absolutePath);
  } finally {
    await folder.close();
  }
}

function kept(absolutePath: string): readonly string[] {
  const directory = join(absolutePath, '.ferry/partial');
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}

function expectComplete(absolutePath: string, content = CONTENT): void {
  expect(fs.readFileSync(join(absolutePath, 'large.bin')).equals(content)).toBe(true);
  expect(kept(absolutePath)).toEqual([]);
  expect(fs.readdirSync(join(absolutePath, '.ferry/stage'))).toEqual([]);
}

describe.each(availableBackends())('a download that breaks off (%s)', (backend) => {
  it('goes on in the next run where it was', () =>
    inFolder(backend, async (run, absolutePath) => {
      await run({ breaksAfter: 12 * MIB });
      await run({ breaksAfter: 3 * MIB });
      expect(kept(absolutePath)).toHaveLength(1);
      const { sent } = await run({});
      expect(sent).toBe(5 * MIB);
      expectComplete(absolutePath);
    }));

  it('begins anew when the file there has another version by then', () =>
    inFolder(backend, async (run, absolutePath) => {
      await run({ breaksAfter: 12 * MIB });
      const content = Buffer.alloc(20 * MIB, 'another content of the same size');
      const { sent } = await run({ version: 'v2', content });
      expect(sent).toBe(content.length);
      expectComplete(absolutePath, content);
    }));

  it('keeps nothing of content that was wrong', () =>
    inFolder(backend, async (run, absolutePath) => {
      await run({ breaksAfter: 12 * MIB, code: 'REMOTE_PROTOCOL' });
      expect(kept(absolutePath)).toEqual([]);
      await run({});
      expectComplete(absolutePath);
    }));

  it('is forgotten after a week', async () => {
    let laterMs = 0;
    const clock: Clock = { ...realClock, now: () => realClock.now() + laterMs };
    await inFolder(
      backend,
      async (run, absolutePath) => {
        await run({ breaksAfter: 12 * MIB });
        laterMs = 8 * 86_400_000;
        const { sent } = await run({});
        expect(sent).toBe(CONTENT.length);
        expectComplete(absolutePath);
      },
      clock,
    );
  });
});

/** Writes for ever, one piece at a time, into a file of 20 MiB; says how far it is. */
const WRITER = `
  const [module, absolutePath, backend] = process.argv.slice(1);
  const { openFolderReplica } = await import(module);
  const log = () => undefined;
  const logger = { error: log, warn: log, info: log, debug: log, child: () => logger };
  const clock = { now: Date.now, sleep: async () => undefined };
  const replica = await openFolderReplica({ absolutePath, deviceName: 'd', clock, logger, backend });
  await replica.identify({ create: true });
  const content = Buffer.alloc(${CONTENT.length}, ${JSON.stringify('what is downloaded, of twenty megabytes; ')});
  const slowly = async function* () {
    for (let at = 0; at < content.length; at += ${PIECE}) {
      if (at >= 12 * ${MIB}) await new Promise((resolve) => setTimeout(resolve, 60_000));
      yield content.subarray(at, at + ${PIECE});
      if (at + ${PIECE} === 12 * ${MIB}) setTimeout(() => process.stdout.write('.'), 100);
    }
  };
  const item = {
    path: 'large.bin', expected: 'absent', sizeBytes: content.length, sourceVersion: 'v1',
    open: async () => slowly(), openAfter: async () => slowly(),
  };
  for await (const _ of replica.writeMany([item]));
`;

describe.each(availableBackends())(
  'a program that is killed while it downloads (%s)',
  (backend) => {
    it('leaves what it has to the next one', () =>
      inFolder(backend, async (run, absolutePath) => {
        const module = new URL('../../../fs-adapter/folder/folder-replica.js', import.meta.url)
          .href;
        const child = spawn(
          process.execPath,
          ['--input-type=module', '-e', WRITER, module, absolutePath, backend],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        const ended = new Promise((resolve) => child.once('exit', resolve));
        await new Promise((resolve) => child.stdout.once('data', resolve));
        child.kill('SIGKILL');
        await ended;
        const { sent } = await run({});
        // Two steps of a megabyte may have been under way.
        expect(sent).toBeLessThanOrEqual(10 * MIB);
        expect(sent).toBeGreaterThanOrEqual(8 * MIB);
        expectComplete(absolutePath);
      }));
  },
);
