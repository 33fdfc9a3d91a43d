import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import type { Content } from '../../../core/ports.ts';
import { CallerBudgets } from '../../../fs-adapter/cache/caller-budgets.ts';
import {
  ContentHydrations,
  type HydrationOptions,
} from '../../../fs-adapter/cache/content-hydrations.ts';
import type { Extent } from '../../../fs-adapter/cache/drive-tree.ts';
import { hashEach } from '../../../native/index.ts';
import { QUIET } from '../../support/drive-on-disk.ts';
import { FillTree } from '../../support/fill-tree.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes that are different at every place. */
function bytesOf(name: string, length: number): Buffer {
  const seed = createHash('sha256').update(name).digest().readUInt32LE(0);
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index += 1) words[index] = index ^ seed;
  return Buffer.from(words.buffer, 0, length);
}

describe('bringing content that is not here', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let tree: FillTree;
  let asked: Extent[];
  let outdated: string[];
  let pieceMs: number;
  let givesParts: boolean;
  let hydrations: ContentHydrations;
  const remote = new Map<string, Buffer>();
  /** Called before each piece is handed out. */
  let onPiece: (position: number) => Promise<void> | void;

  async function fetch(
    path: string,
    version: Version,
    { range, signal }: { readonly range?: Extent; readonly signal: AbortSignal },
  ): Promise<Content> {
    const content = remote.get(version);
    if (content === undefined) throw new FerryError('CHANGED', `${path}: gone`, { path });
    const whole = { offset: 0, length: content.length };
    asked.push(range ?? whole);
    const part = givesParts ? (range ?? whole) : whole;
    async function* stream(bytes: Buffer): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 64 * KIB) {
        await onPiece(part.offset + at);
        if (pieceMs > 0) await sleep(pieceMs);
        if (signal.aborted) throw new FerryError('ABORTED', 'cancelled');
        yield bytes.subarray(at, at + 64 * KIB);
      }
    }
    return {
      sizeBytes: content.length,
      stream: stream(content.subarray(part.offset, part.offset + part.length)),
      ...(givesParts ? {} : { part }),
    };
  }

  function open(options: Partial<HydrationOptions> = {}): ContentHydrations {
    return new ContentHydrations({
      tree,
      fetch,
      clock: { now: () => Date.now(), sleep: (ms) => sleep(ms) },
      logger: QUIET,
      stallMs: 5_000,
      onOutdated: (path) => outdated.push(path),
      ...options,
    });
  }

  function put(path: string, sizeBytes: number, hash: string | null = null): number {
    remote.set(`v-${path}`, bytesOf(path, sizeBytes));
    return tree.add(path, sizeBytes, hash);
  }

  function read(id: number, offset: number, length: number, pid = 0): Promise<void> {
    return hydrations.need({ id, offset, length, pid, isForWrite: false });
  }

  function here(id: number, path: string, offset: number, length: number): boolean {
    const there = remote.get(`v-${path}`)?.subarray(offset, offset + length);
    return there?.equals(tree.content(id, offset, length)) ?? false;
  }

  const sum = (): number => asked.reduce((total, { length }) => total + length, 0);

  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-fill');
    tree = new FillTree(folder.path);
    asked = [];
    outdated = [];
    pieceMs = 0;
    givesParts = true;
    onPiece = () => {};
    remote.clear();
    hydrations = open();
  });

  afterEach(async () => {
    hydrations.close();
    await folder.close();
  });

  test('a read in the middle of a large file fetches that part, in one request', async () => {
    const id = put('film', 24 * MIB);
    await read(id, 20 * MIB, 64 * KIB);
    expect(asked).toEqual([{ offset: 20 * MIB, length: 64 * KIB }]);
    expect(here(id, 'film', 20 * MIB, 64 * KIB)).toBe(true);
  });

  test('a run of sync does not wait for its own end to hear that what was moved is gone', async () => {
    tree.isPlaced = false;
    const forever = new Promise<void>(() => undefined);
    hydrations = open({ untilRan: () => forever });
    const id = put('moved', KIB);
    remote.clear();
    const inRun = hydrations.hydrate(id, { urgency: 'background', isForRun: true });
    await expect(inRun).rejects.toMatchObject({ code: 'CHANGED' });
  });

  test('content that is given back while it is made durable is fetched anew for who needs it then', async () => {
    for (let round = 0; round < 40; round += 1) {
      const id = put(`note ${round}`, 3 * KIB);
      remote.set('newer', bytesOf('newer', 3 * KIB));
      const whole = { offset: 0, length: 3 * KIB };
      const need = () => hydrations.need({ id, ...whole, pid: 0, isForWrite: true });
      const first = need();
      while (tree.missing(id, whole).length > 0) await new Promise(setImmediate);
      tree.replace(id, 'newer', { removesContent: round % 2 === 0 });
      const late = sleep(3000).then(() => 'nothing comes');
      expect([round, await Promise.race([Promise.all([first, need()]), late])]).toEqual([
        round,
        [undefined, undefined],
      ]);
      expect(tree.content(id).equals(bytesOf('newer', 3 * KIB))).toBe(true);
    }
  });

  test('a small file is fetched whole, and is complete then', async () => {
    const id = put('note', 300 * KIB + 7);
    await read(id, 8 * KIB, 4 * KIB);
    await hydrations.hydrate(id, { urgency: 'background' });
    expect(asked).toEqual([{ offset: 0, length: 300 * KIB + 7 }]);
    expect(tree.isComplete(id)).toBe(true);
    expect(tree.content(id).equals(bytesOf('note', 300 * KIB + 7))).toBe(true);
  });

  test('reading on fetches more and more ahead, every byte once', async () => {
    const id = put('film', 12 * MIB);
    for (let at = 0; at < 12 * MIB; at += 128 * KIB) {
      await read(id, at, 128 * KIB);
      expect(here(id, 'film', at, 128 * KIB)).toBe(true);
    }
    expect(sum()).toBe(12 * MIB);
    expect(asked.length).toBeLessThan(12);
  });

  test('jumping about fetches no more than a few times what is read', async () => {
    const id = put('base', 31 * MIB);
    let wanted = 0;
    for (let round = 0; round < 20; round += 1) {
      await read(id, (1 + ((round * 17) % 29)) * MIB, 4 * KIB);
      wanted += 64 * KIB;
    }
    expect(sum()).toBeLessThanOrEqual(wanted + MIB);
  });

  test('readers of the same part share one request', async () => {
    const id = put('film', 8 * MIB);
    pieceMs = 1;
    await Promise.all(
      [0, 0, 64 * KIB, 100 * KIB].map((offset) => read(id, 4 * MIB + offset, 64 * KIB)),
    );
    expect(sum()).toBeLessThanOrEqual(512 * KIB);
    const bytes = new Set<number>();
    for (const { offset, length } of asked)
      for (let at = offset; at < offset + length; at += 64 * KIB) {
        expect(bytes.has(at)).toBe(false);
        bytes.add(at);
      }
  });

  test('who waits for the first bytes goes on before the last ones have come', async () => {
    const id = put('film', 16 * MIB);
    let isHeld = false;
    let release = (): void => {};
    onPiece = async (position) => {
      if (position < 8 * MIB || isHeld) return;
      isHeld = true;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    const all = hydrations.hydrate(id, { urgency: 'background' });
    await read(id, 0, 64 * KIB);
    expect(tree.isComplete(id)).toBe(false);
    while (!isHeld) await sleep(1);
    release();
    await all;
    expect(tree.isComplete(id)).toBe(true);
    expect(sum()).toBe(16 * MIB);
  });

  test('a program does not wait for what comes in the background to get to where it reads', async () => {
    const id = put('film', 16 * MIB);
    pieceMs = 4;
    const all = hydrations.hydrate(id, { urgency: 'background' });
    await sleep(20);
    const startedMs = Date.now();
    await read(id, 12 * MIB, 64 * KIB);
    expect(Date.now() - startedMs).toBeLessThan(300);
    pieceMs = 0;
    await all;
    expect(tree.content(id).equals(bytesOf('film', 16 * MIB))).toBe(true);
    const fetched = tree.told.reduce((total, { length }) => total + length, 0);
    expect(fetched).toBeLessThanOrEqual(16 * MIB + 64 * KIB);
  });

  test('work in the background leaves room for programs', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => put(`big-${index}`, 2 * MIB));
    const wanted = put('wanted', 2 * MIB);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    onPiece = () => (asked.length <= 3 ? held : undefined);
    const all = ids.map((id) => hydrations.hydrate(id, { urgency: 'background' }));
    await sleep(10);
    expect(asked.length).toBe(3);
    await read(wanted, 0, 4 * KIB);
    release();
    await Promise.all(all);
    expect(ids.every((id) => tree.isComplete(id))).toBe(true);
  });

  test('a server that answers every range with the whole content is asked once, and all of it is kept', async () => {
    const id = put('film', 8 * MIB);
    givesParts = false;
    pieceMs = 1;
    await Promise.all([read(id, 2 * MIB, 64 * KIB), read(id, 6 * MIB, 64 * KIB)]);
    await hydrations.hydrate(id, { urgency: 'background' });
    expect(tree.content(id).equals(bytesOf('film', 8 * MIB))).toBe(true);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test('content that is not the one announced is dropped, and sync is told to look', async () => {
    const [hash] = await hashEach([bytesOf('right', 200 * KIB)]);
    const id = put('right', 200 * KIB, hash);
    remote.set('v-right', bytesOf('wrong', 200 * KIB));
    await expect(hydrations.hydrate(id, { urgency: 'background' })).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
    expect([tree.isComplete(id), tree.discarded, outdated]).toEqual([false, 1, ['right']]);
    remote.set('v-right', bytesOf('right', 200 * KIB));
    await hydrations.hydrate(id, { urgency: 'background' });
    expect(tree.isComplete(id)).toBe(true);
  });

  test('a file that is another one on the other side by now is not mixed', async () => {
    const id = put('film', 4 * MIB);
    onPiece = (position) => {
      if (position > 2 * MIB) throw new FerryError('CHANGED', 'it changed while it was read');
    };
    const all = hydrations.hydrate(id, { urgency: 'background' });
    await expect(all).rejects.toMatchObject({ code: 'CHANGED' });
    expect([tree.discarded, outdated]).toEqual([1, ['film']]);
  });

  test('a newer version that arrives while the old one comes is fetched instead', async () => {
    const id = put('film', 4 * MIB);
    remote.set('newer', bytesOf('newer', 4 * MIB));
    onPiece = (position) => {
      if (position === 2 * MIB && asked.length === 1) tree.replace(id, 'newer');
    };
    await hydrations.hydrate(id, { urgency: 'program' });
    expect(tree.content(id).equals(bytesOf('newer', 4 * MIB))).toBe(true);
  });

  test('a newer version is fetched to its end, also where the old one takes a while to stop', async () => {
    const id = put('film', 4 * MIB);
    remote.set('newer', bytesOf('newer', 4 * MIB));
    let isReplaced = false;
    const stopping = sleep(200);
    onPiece = (position) => {
      if (position > 2 * MIB) return stopping;
      if (position === 2 * MIB && !isReplaced) {
        isReplaced = true;
        tree.replace(id, 'newer');
      }
      return undefined;
    };
    await hydrations.hydrate(id, { urgency: 'program' });
    expect(tree.content(id).equals(bytesOf('newer', 4 * MIB))).toBe(true);
  });

  test('a fetch that brings nothing ends with ETIMEDOUT for the program', async () => {
    hydrations = open({ stallMs: 30 });
    const id = put('film', 4 * MIB);
    onPiece = () => new Promise(() => {});
    await expect(read(id, 0, 4 * KIB)).rejects.toMatchObject({
      code: 'REMOTE_UNREACHABLE',
      cause: { code: 'ETIMEDOUT' },
    });
  });

  test('who stops to wait stops the fetch that nobody else wants', async () => {
    const id = put('film', 8 * MIB);
    pieceMs = 2;
    const controller = new AbortController();
    const { signal } = controller;
    const all = hydrations.hydrate(id, { urgency: 'background', signal });
    await sleep(30);
    controller.abort();
    await expect(all).rejects.toMatchObject({ code: 'ABORTED' });
    while (hydrations.active > 0) await sleep(5);
    const before = tree.told.length;
    await sleep(30);
    expect(tree.told.length).toBe(before);
    pieceMs = 0;
    asked = [];
    await hydrations.hydrate(id, { urgency: 'background' });
    // What had come is not fetched again.
    expect(sum()).toBeLessThan(8 * MIB);
    expect(tree.content(id).equals(bytesOf('film', 8 * MIB))).toBe(true);
  });

  test('without room for reading ahead the part alone is fetched, without room for that it fails', async () => {
    let room = 128 * KIB;
    const makeRoom = (bytes: number): void => {
      if (bytes > room) throw new FerryError('LOCAL_NO_SPACE', 'full');
      room -= bytes;
    };
    hydrations = open({ makeRoom });
    const id = put('film', 8 * MIB);
    await read(id, 0, 128 * KIB);
    expect(asked).toEqual([{ offset: 0, length: 128 * KIB }]);
    await expect(read(id, 4 * MIB, 4 * KIB)).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
  });

  describe('for programs that look into everything', () => {
    beforeEach(async () => {
      const describe = async (pid: number, leader: number, name: string, line: string) => {
        const directory = join(folder.path, 'proc', String(pid));
        await mkdir(directory, { recursive: true });
        await writeFile(join(directory, 'comm'), `${name}\n`);
        await writeFile(join(directory, 'cmdline'), line);
        await writeFile(join(directory, 'status'), `Name:\t${name}\nTgid:\t${leader}\n`);
      };
      await describe(10, 10, 'tracker-miner-f', 'tracker-miner-fs');
      await describe(11, 10, 'pool-worker', 'tracker-miner-fs');
      await describe(12, 12, 'kioslave5', 'kioslave5\0kio/file.so');
      await describe(13, 13, 'kioslave5', 'kioslave5\0kio/thumbnail.so');
      hydrations = open({
        budgets: new CallerBudgets({
          programs: ['tracker-miner-fs', 'kioslave5 thumbnail'],
          pathOf: (id) => tree.pathOf(id),
          procDirectory: join(folder.path, 'proc'),
        }),
      });
    });

    test('parts come, nothing ahead of them, and only a little of each file', async () => {
      const id = put('film', 8 * MIB);
      const other = put('other', 8 * MIB);
      for (const offset of [0, 64, 128, 192]) await read(id, offset * KIB, 4 * KIB, 10);
      expect(sum()).toBe(256 * KIB);
      await expect(read(id, MIB, 4 * KIB, 11)).rejects.toMatchObject({
        code: 'LOCAL_PERMISSION',
        cause: { code: 'EACCES' },
      });
      await read(other, 0, 4 * KIB, 13);
      // What somebody else has brought costs nothing.
      await read(id, MIB, 4 * KIB);
      await read(id, MIB, 4 * KIB, 10);
    });

    test('a file manager that copies is no such program', async () => {
      const id = put('film', 2 * MIB);
      for (let at = 0; at < 2 * MIB; at += 128 * KIB) await read(id, at, 128 * KIB, 12);
      expect(here(id, 'film', 0, 2 * MIB)).toBe(true);
    });
  });
});
