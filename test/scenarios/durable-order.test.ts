import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPairEngineIn } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine } from '../../core/engine/pair-engine.ts';
import type { Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath, type SyncPath } from '../../core/model/path.ts';
import { recordsHomeIn } from '../../core/records/records-home.ts';
import type { Store } from '../../core/records/store.ts';
import {
  createMemoryReplica,
  type MemoryOperation,
  type MemoryReplica,
} from '../../remotes/memory/memory-replica.ts';
import { quietLogger } from '../support/quiet.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** What happened, in order: `local move a`, `local flush`, `commit n! p!` … */
let events: string[];
let sides: Record<Side, MemoryReplica>;
let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let engine: PairEngine;
/** Runs before each change; what it throws is what the change fails with. */
let before: ((side: Side, operation: MemoryOperation, path: SyncPath) => void) | null;
/** What a side has changed since it was last flushed. */
const unflushed = { local: new Set<string>(), remote: new Set<string>() };

function side(name: Side): MemoryReplica {
  const replica = createMemoryReplica({
    rootId: name,
    before: (operation, path) => {
      if (operation === 'observe' || operation === 'read') return;
      before?.(name, operation, path);
      events.push(`${name} ${operation} ${path}`);
      // A group of written files is durable when it is handed over.
      if (operation !== 'write') unflushed[name].add(`${operation} ${path}`);
    },
  });
  replica.flush = async () => {
    events.push(`${name} flush`);
    unflushed[name].clear();
  };
  return replica;
}

function watched(store: Store): Store {
  return {
    ...store,
    async batch(operations, options) {
      const about = operations.map(({ key }) => key.slice(0, 2));
      // A note of what will be put aside is made while the other side is at work.
      const claims = operations.filter(
        ({ key, type }) => /^n!/.test(key) || (/^p!/.test(key) && type === 'del'),
      );
      const waiting = [...unflushed.local, ...unflushed.remote];
      events.push(`commit ${[...new Set(about)].sort().join(' ')}`);
      if (options?.sync !== true) events.push('a commit that a power cut takes back');
      if (waiting.length > 0 && claims.length > 0)
        events.push(`a commit before ${waiting.join(', ')} is durable`);
      await store.batch(operations, options);
    },
  };
}

async function openEngine(): Promise<PairEngine> {
  const home = recordsHomeIn(join(folder.path, 'pair'));
  return createPairEngineIn({
    settings: {
      name: 'pair',
      direction: 'two-way',
      deletes: 'propagate',
      mirror: false,
      ignore: [],
      maxDeleteFraction: 1,
      trustTimes: false,
      deviceName: 'laptop',
    },
    ...sides,
    recordsHome: { ...home, open: async () => watched(await home.open()) },
    clock: { now: () => 1_760_000_000_000, sleep: async () => undefined },
    logger: quietLogger,
  });
}

function write(name: Side, path: string, content: string): void {
  sides[name].outside.write(parseSyncPath(path), Buffer.from(content));
}

function move(name: Side, from: string, to: string): void {
  sides[name].outside.move(parseSyncPath(from), parseSyncPath(to));
}

function swap(name: Side, one: string, other: string): void {
  move(name, one, 'swapped');
  move(name, other, one);
  move(name, 'swapped', other);
}

async function sync(): Promise<void> {
  events.length = 0;
  await engine.run({ allowDeletes: true, yes: true });
}

function mistakes(): readonly string[] {
  return events.filter((event) => event.startsWith('a commit'));
}

function indexOf(pattern: RegExp): number {
  const index = events.findIndex((event) => pattern.test(event));
  if (index < 0) throw new Error(`${pattern} is not in ${events.join('; ')}`);
  return index;
}

beforeEach(async () => {
  events = [];
  before = null;
  for (const name of ['local', 'remote'] as const) unflushed[name].clear();
  folder = await temporaryDirectory();
  sides = { local: side('local'), remote: side('remote') };
  for (const path of ['a', 'b', 'dir/x', 'dir/y', 'gone/z', 'edited'])
    write('local', path, `content of ${path}`);
  engine = await openEngine();
  await sync();
});

afterEach(async () => {
  await engine.close();
  await folder.close();
});

describe('what a run records', () => {
  it('is durable before, whatever kind of change it is', async () => {
    expect(mistakes()).toEqual([]);
    swap('local', 'a', 'b');
    move('remote', 'dir', 'moved');
    sides.local.outside.remove(parseSyncPath('gone'));
    write('local', 'edited', 'another content');
    sides.remote.outside.makeLink(parseSyncPath('link'), 'a');
    sides.local.outside.makeDirectory(parseSyncPath('empty'));
    await sync();
    expect(mistakes()).toEqual([]);
    const [times] = [{ mtimeNs: 7_000_000_000n }];
    sides.local.outside.write(parseSyncPath('a'), Buffer.from('content of b'), times);
    await sync();
    expect(mistakes()).toEqual([]);
    expect(indexOf(/^remote set-metadata a$/)).toBeLessThan(indexOf(/^commit .*n!/));
  });

  it('is what names were put aside, before they are', async () => {
    swap('local', 'a', 'b');
    await sync();
    expect(indexOf(/^commit .*p!/)).toBeLessThan(indexOf(/^remote move/));
  });

  it('is that moves are done, before contents are sent', async () => {
    move('local', 'dir', 'moved');
    write('local', 'new', 'new');
    await sync();
    expect(indexOf(/^commit .*n!/)).toBeLessThan(indexOf(/^remote write new$/));
  });

  it('is each group of files as soon as it is durable, while others are still to come', async () => {
    for (let index = 0; index < 80; index++) write('remote', `many/${index}`, `content ${index}`);
    await sync();
    const writes = events.flatMap((event, index) => (/^local write /.test(event) ? [index] : []));
    const between = events.slice(writes[0], writes.at(-1));
    expect(between.filter((event) => /^commit .*n!/.test(event))).toHaveLength(1);
  });

  it('is a conflict, before its copy gets its name', async () => {
    write('local', 'a', 'mine');
    write('remote', 'a', 'theirs');
    await sync();
    expect(indexOf(/^commit .*c!/)).toBeLessThan(indexOf(/^local move a$/));
  });
});

describe('what an interrupted run had put aside', () => {
  it('is back, and that is durable, before the note of it goes', async () => {
    swap('local', 'a', 'b');
    let moves = 0;
    before = (name, operation) => {
      if (name === 'remote' && operation === 'move' && ++moves === 2)
        throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
    };
    await expect(sync()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    await engine.close();
    before = null;
    engine = await openEngine();
    await sync();
    const back = indexOf(/^remote move \.ferry-tmp-/);
    expect(indexOf(/^remote flush/)).toBeGreaterThan(back);
    expect(indexOf(/^commit .*p!/)).toBeGreaterThan(indexOf(/^remote flush/));
    expect(mistakes()).toEqual([]);
    expect(sides.remote.outside.paths()).toEqual(sides.local.outside.paths());
  });
});

describe('a cache', () => {
  it('knows that its files are equal, durably, before the records say so; and only of equal ones', async () => {
    const told: string[] = [];
    sides.local.noteCounterpart = async (path) => {
      told.push(path);
      unflushed.local.add(`note of ${path}`);
    };
    write('local', 'edited', 'another content');
    write('remote', 'new', 'new');
    for (const name of ['local', 'remote'] as const) write(name, 'both', 'the same');
    await sync();
    expect(told.sort()).toEqual(['both', 'edited', 'new']);
    expect(mistakes()).toEqual([]);
  });
});
