import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunSummary } from '../../core/engine/pair-engine.ts';
import { otherSide, type Side } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { MutationOptions, Replica, WriteItem, WriteResult } from '../../core/ports.ts';
import { diskSide, openFolder } from '../support/disk-scenario.ts';
import { PLAIN_SETTINGS } from '../support/plain-settings.ts';
import { quietLogger } from '../support/quiet.ts';
import type { Drawn } from '../support/scenario-steps.ts';
import { temporaryDirectory } from '../support/temporary.ts';

jest.setTimeout(60_000);

/** More than one piece of a read. */
const LARGE = 1_300_000;

/** Happens while a file is carried over; each is awaited. */
interface Moments {
  /** The first piece was read on that side. */
  amidst?: (side: Side, path: SyncPath) => Promise<unknown>;
  /** All was read from that side, and nothing was put in place yet. */
  atEnd?: (side: Side, path: SyncPath) => Promise<unknown>;
}

let base: Awaited<ReturnType<typeof temporaryDirectory>>;
let moments: Moments;
let sleeps: number[];
let open: { engine: PairEngine; replicas: readonly Replica[] } | null;

const at = (side: Side, path: string): string => join(base.path, side, path);
const write = (side: Side, path: string, content: string) =>
  fs.writeFile(at(side, path), content.padEnd(LARGE, `\n${content}`));

beforeEach(async () => {
  base = await temporaryDirectory('ferry-changing');
  for (const side of ['local', 'remote']) await fs.mkdir(join(base.path, side));
  moments = {};
  sleeps = [];
  open = null;
});

afterEach(async () => {
  await open?.engine.close();
  for (const replica of open?.replicas ?? []) await replica.close();
  await base.close();
});

function disturbed(side: Side, replica: Replica): Replica {
  const paused = async function* (
    from: Side,
    path: SyncPath,
    stream: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array> {
    let isFirst = true;
    for await (const chunk of stream) {
      yield chunk;
      if (isFirst) await moments.amidst?.(from, path);
      isFirst = false;
    }
    await moments.atEnd?.(from, path);
  };
  return new Proxy(replica, {
    get(target, key) {
      if (key === 'writeMany') return writingMany;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

  async function* writingMany(
    items: Iterable<WriteItem>,
    options: MutationOptions,
  ): AsyncIterable<readonly WriteResult[]> {
    const originals = new Map<WriteItem, WriteItem>();
    for (const item of items)
      originals.set(
        {
          ...item,
          open: async (signal) => paused(otherSide(side), item.path, await item.open(signal)),
        },
        item,
      );
    for await (const group of replica.writeMany(originals.keys(), options))
      yield group.map((result) => ({ ...result, item: originals.get(result.item) ?? result.item }));
  }
}

async function sync(): Promise<RunSummary> {
  if (open === null) {
    const [local, remote] = await Promise.all([
      openFolder(at('local', '')),
      openFolder(at('remote', '')),
    ]);
    const engine = await createPairEngine({
      settings: PLAIN_SETTINGS,
      local: disturbed('local', local),
      remote: disturbed('remote', remote),
      recordsDirectory: join(base.path, 'records'),
      clock: {
        now: () => Date.now(),
        sleep: async (ms) => {
          sleeps.push(ms);
        },
      },
      logger: quietLogger,
    });
    open = { engine, replicas: [local, remote] };
  }
  return open.engine.run({ allowDeletes: true, yes: true });
}

/** The tree of a side, each content by its first line; a content that is not whole is shown as such. */
async function tree(side: Side): Promise<Drawn> {
  const found = await diskSide(at(side, '')).snapshot();
  return Object.fromEntries(
    Object.entries(found).map(([path, content]) => {
      const first = content.split('\n')[0] ?? '';
      const isWhole = content === '/' || content === first.padEnd(LARGE, `\n${first}`);
      const short = path.replace(/ \(conflict .*?\)/, ' (conflict)');
      return [short, isWhole ? first : `${first} (not whole)`];
    }),
  );
}

async function expectBoth(expected: Drawn): Promise<void> {
  expect(await tree('local')).toEqual(expected);
  expect(await tree('remote')).toEqual(expected);
  moments = {};
  expect(await sync()).toMatchObject({ complete: true, uploaded: 0, downloaded: 0, moved: 0 });
}

/** Lets something happen once, when the file is carried over from that side. */
function once(from: Side, what: () => Promise<unknown>): (side: Side) => Promise<unknown> {
  let isDone = false;
  return async (side) => {
    if (isDone || side !== from) return;
    isDone = true;
    await what();
  };
}

describe.each(['local', 'remote'] as const)(
  'a file that is carried over from the %s side',
  (from) => {
    const to = otherSide(from);

    it('and is edited meanwhile arrives as it is at last, when it was quiet for two seconds', async () => {
      await write(from, 'f', 'first');
      moments.amidst = once(from, () => write(from, 'f', 'second'));
      expect(await sync()).toMatchObject({ complete: true });
      expect(sleeps).toEqual([2000]);
      await expectBoth({ f: 'second' });
    });

    it('and is edited whenever it is read is left out, and the other side keeps what it had', async () => {
      await write(from, 'f', 'first');
      await write(from, 'g', 'quiet');
      await sync();
      await write(from, 'f', 'second');
      await write(from, 'g', 'another');
      let edits = 0;
      moments.amidst = async (side, path) =>
        path === 'f' && side === from && write(from, 'f', `edit ${edits++}`);
      const summary = await sync();
      expect(summary.complete).toBe(false);
      expect(summary.problems).toMatchObject([{ path: 'f', code: 'CHANGED' }]);
      expect(await tree(to)).toEqual({ f: 'first', g: 'another' });
      moments = {};
      await sync();
      await expectBoth({ f: `edit ${edits - 1}`, g: 'another' });
    });

    it('and grows meanwhile arrives whole', async () => {
      await write(from, 'f', 'log');
      moments.amidst = once(from, () => fs.appendFile(at(from, 'f'), 'more'));
      await sync();
      for (const side of [from, to]) {
        const content = await fs.readFile(at(side, 'f'), 'utf8');
        expect([content.length, content.slice(-4)]).toEqual([LARGE + 4, 'more']);
      }
    });

    it('and is saved anew meanwhile arrives in the new version', async () => {
      await write(from, 'f', 'first');
      moments.amidst = once(from, async () => {
        await write(from, 'f.new', 'saved');
        await fs.rename(at(from, 'f.new'), at(from, 'f'));
      });
      await sync();
      await expectBoth({ f: 'saved' });
    });

    it('and is removed meanwhile is nowhere', async () => {
      await write(from, 'f', 'first');
      await write(from, 'g', 'stays');
      moments.amidst = once(from, () => fs.rm(at(from, 'f')));
      await sync();
      await expectBoth({ g: 'stays' });
    });

    it('and is renamed meanwhile arrives under its new name only', async () => {
      await write(from, 'f', 'first');
      moments.amidst = once(from, () => fs.rename(at(from, 'f'), at(from, 'renamed')));
      await sync();
      await sync();
      await expectBoth({ renamed: 'first' });
    });

    it('and is edited on the other side in the moment it is replaced there: both versions are kept', async () => {
      await write(from, 'f', 'base');
      await sync();
      await write(from, 'f', `edit of ${from}`);
      moments.atEnd = once(from, () => write(to, 'f', `edit of ${to}`));
      await sync();
      await expectBoth({ f: 'edit of remote', 'f (conflict)': 'edit of local' });
    });

    it('and is made on the other side in the moment it appears there: both versions are kept', async () => {
      await write(from, 'f', `new on ${from}`);
      moments.atEnd = once(from, () => write(to, 'f', `new on ${to}`));
      await sync();
      await expectBoth({ f: 'new on remote', 'f (conflict)': 'new on local' });
    });

    it('and whose directory is removed on the other side meanwhile: it is kept, and the directory with it', async () => {
      await fs.mkdir(at(from, 'd'));
      await write(from, 'd/f', 'base');
      await sync();
      await write(from, 'd/f', 'edited');
      moments.atEnd = once(from, () => fs.rm(at(to, 'd'), { recursive: true }));
      await sync();
      await expectBoth({ d: '/', 'd/f': 'edited' });
    });
  },
);

describe('a program that still has the replaced file open', () => {
  it('gets what it writes there back as a conflict copy in the next run', async () => {
    await write('local', 'f', 'base');
    await sync();
    const handle = await fs.open(at('local', 'f'), 'r+');
    await write('remote', 'f', 'edit of remote');
    await sync();
    await handle.writeFile('late edit'.padEnd(LARGE, '\nlate edit'));
    await handle.close();
    await sync();
    await sync();
    await expectBoth({ f: 'edit of remote', 'f (conflict)': 'late edit' });
  });
});
