import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import type { Direction } from '../../core/model/entry.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import { openFolderReplica } from '../../fs-adapter/folder/folder-replica.ts';
import { isNativeAvailable } from '../../native/index.ts';
import { openWebdavReplica } from '../../remotes/webdav/webdav-replica.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { PLAIN_SETTINGS } from '../support/plain-settings.ts';
import { quietLogger, realClock } from '../support/quiet.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { noise } from '../support/wire-world.ts';

const MIB = 1024 * 1024;
/** What a run of one file needs besides content, with room for longer lists of chunks. */
const BOUND_BYTES = 96 * 1024;

/** A folder with one large file, which is kept in step with a companion server; each run is a new client. */
class LargeFileWorld {
  readonly local: string;
  readonly server: RealServer;
  readonly proxy: CuttingProxy;
  readonly #folder: Awaited<ReturnType<typeof temporaryDirectory>>;

  private constructor(
    folder: Awaited<ReturnType<typeof temporaryDirectory>>,
    server: RealServer,
    proxy: CuttingProxy,
  ) {
    this.#folder = folder;
    this.local = join(folder.path, 'local');
    this.server = server;
    this.proxy = proxy;
  }

  static async open(): Promise<LargeFileWorld> {
    const folder = await temporaryDirectory('ferry-large');
    const server = await companion().start();
    const world = new LargeFileWorld(folder, server, await startCuttingProxy(server.url));
    await fs.mkdir(world.local);
    return world;
  }

  at(place: 'local' | 'server'): string {
    return join(place === 'local' ? this.local : this.server.directory, 'large.bin');
  }

  async write(place: 'local' | 'server', content: Buffer): Promise<void> {
    await fs.writeFile(`${this.at(place)}.new`, content);
    await fs.rename(`${this.at(place)}.new`, this.at(place));
  }

  /** Runs once with a new client, and counts from there on. */
  async sync(direction: Direction = 'two-way'): Promise<RunSummary | null> {
    this.proxy.clear();
    // Nobody has to wait for a server that is cut off on purpose.
    const clock = { ...realClock, sleep: async () => undefined };
    const common = { clock, logger: quietLogger };
    const local = await openFolderReplica({ absolutePath: this.local, deviceName: 'd', ...common });
    const remote = await openWebdavReplica({
      url: this.proxy.url,
      ownerId: 'laptop',
      patience: { answerMs: 5000, stallMs: 5000 },
      ...common,
    }).catch(async (error) => {
      await local.close();
      throw error;
    });
    const engine = await createPairEngine({
      settings: { ...PLAIN_SETTINGS, direction },
      local,
      remote,
      recordsDirectory: join(this.#folder.path, 'records'),
      ...common,
    });
    try {
      return await engine.run();
    } catch {
      return null; // it was cut off
    } finally {
      await engine.close();
      await local.close();
      await remote.close();
    }
  }

  async expectSame(content: Buffer): Promise<void> {
    for (const place of ['local', 'server'] as const)
      expect({ place, hash: hashOf(await fs.readFile(this.at(place))) }).toEqual({
        place,
        hash: hashOf(content),
      });
    expect((await fs.readdir(this.local)).filter((name) => name !== '.ferry')).toEqual([
      'large.bin',
    ]);
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.server.close();
    await this.#folder.close();
  }
}

let world: LargeFileWorld | null = null;

async function opened(): Promise<LargeFileWorld> {
  world = await LargeFileWorld.open();
  return world;
}

afterEach(async () => {
  await world?.close();
  world = null;
});

/** Some bytes overwritten, some inserted, one block moved. */
function edited(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  noise(4096).copy(copy, MIB + 123);
  return Buffer.concat([
    copy.subarray(0, 2 * MIB),
    noise(10_001),
    copy.subarray(3 * MIB),
    copy.subarray(2 * MIB, 3 * MIB),
  ]);
}
const NEW_BYTES = 4096 + 10_001;

// Without the addon, the server offers no chunks: it would be busy with nothing else.
const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable())
  process.stderr.write('edits of large files are not tested: the addon is not built\n');

describeNative('an edit of a large file', () => {
  it.each(['local', 'server'] as const)(
    'travels without what the other side has, when it was made on the %s side',
    async (place) => {
      const { write, sync, proxy, ...rest } = bound(await opened());
      const first = noise(6 * MIB);
      await write('local', first);
      await sync();
      const second = edited(first);
      await write(place, second);
      const summary = await sync();
      expect(summary).toMatchObject(place === 'local' ? { uploaded: 1 } : { downloaded: 1 });
      expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(NEW_BYTES + BOUND_BYTES);
      await rest.expectSame(second);
      // The list of what is there now is kept by then: not even that travels.
      const third = edited(second);
      await write(place, third);
      await sync();
      expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(NEW_BYTES + BOUND_BYTES);
      await rest.expectSame(third);
      await sync();
      expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(16 * 1024);
    },
    30_000,
  );

  it('is found by lists of chunks when both sides had the file before', async () => {
    const { write, sync, proxy, expectSame } = bound(await opened());
    const content = noise(4 * MIB);
    await write('local', content);
    await write('server', content);
    expect(await sync()).toMatchObject({ adopted: 1, uploaded: 0, downloaded: 0 });
    expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(BOUND_BYTES);
    const next = edited(content);
    await write('local', next);
    await sync();
    expect(proxy.bytes.down).toBeLessThan(8 * 1024);
    expect(proxy.bytes.up).toBeLessThan(NEW_BYTES + BOUND_BYTES);
    await expectSame(next);
  }, 30_000);

  it('arrives whole when the server tells of chunks that are not there', async () => {
    const { write, sync, proxy, expectSame } = bound(await opened());
    const first = noise(4 * MIB);
    await write('local', first);
    await sync();
    const second = edited(first);
    await write('server', second);
    let lies = 0;
    proxy.tamper = (piece) => {
      const at = piece.indexOf('ferry-chunk-bytes');
      const body = piece.indexOf('\r\n\r\n');
      if (at < 0 || body < 0 || piece.length < body + 4 + 64) return piece;
      lies++;
      const changed = Buffer.from(piece);
      // Two chunks of the same list, told in the wrong order.
      const entries = changed.subarray(body + 4, body + 4 + 32);
      Buffer.concat([entries.subarray(16), entries.subarray(0, 16)]).copy(entries);
      return changed;
    };
    await sync();
    proxy.tamper = null;
    await sync();
    expect(lies).toBeGreaterThan(0);
    await expectSame(second);
  }, 30_000);
});

describe('a transfer of a large file that is cut off', () => {
  it.each(['local', 'server'] as const)(
    'goes on with the next client, from the %s side',
    async (place) => {
      const { write, sync, proxy, expectSame } = bound(await opened());
      const content = noise(24 * MIB);
      await write(place, content);
      proxy.limit = 14 * MIB;
      expect((await sync())?.problems.length ?? 1).toBeGreaterThan(0);
      proxy.limit = null;
      await sync();
      // What was in flight when it was cut may be sent again.
      expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(16 * MIB);
      expect(proxy.bytes.up + proxy.bytes.down).toBeGreaterThan(9 * MIB);
      await expectSame(content);
    },
    60_000,
  );

  it('begins anew when the file was edited meanwhile', async () => {
    const { write, sync, proxy, expectSame } = bound(await opened());
    await write('local', noise(20 * MIB));
    proxy.limit = 12 * MIB;
    await sync();
    proxy.limit = null;
    const content = noise(20 * MIB);
    await write('local', content);
    await sync();
    await expectSame(content);
  }, 60_000);
});

/** The same world; its methods can be taken out of it. */
function bound(one: LargeFileWorld) {
  return {
    proxy: one.proxy,
    write: one.write.bind(one),
    sync: one.sync.bind(one),
    expectSame: one.expectSame.bind(one),
  };
}
