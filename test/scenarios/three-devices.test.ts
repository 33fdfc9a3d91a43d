import { afterEach, describe, expect, it } from '@jest/globals';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine } from '../../core/engine/pair-engine.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import { createMemoryReplica, type MemoryReplica } from '../../remotes/memory/memory-replica.ts';
import { quietLogger } from '../support/quiet.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NOW_MS = 1_760_000_000_000;

interface Device {
  readonly name: string;
  readonly replica: MemoryReplica;
  readonly engine: PairEngine;
}

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let devices: readonly Device[] = [];
let server: MemoryReplica;

afterEach(async () => {
  for (const { engine } of devices) await engine.close();
  await folder.close();
});

async function withDevices(...names: readonly string[]): Promise<void> {
  folder = await temporaryDirectory();
  let ticks = NOW_MS;
  const replica = (rootId: string) =>
    createMemoryReplica({ now: () => ticks++, rootId, identities: rootId !== 'server' });
  server = replica('server');
  devices = await Promise.all(
    names.map(async (name, index) => {
      const own = replica(`device-${index}`);
      const engine = await createPairEngine({
        settings: {
          name,
          direction: 'two-way',
          deletes: 'propagate',
          mirror: false,
          ignore: [],
          maxDeleteFraction: 1,
          trustTimes: false,
          deviceName: name,
        },
        local: own,
        remote: server,
        recordsDirectory: `${folder.path}/${index}`,
        clock: { now: () => NOW_MS, sleep: async () => undefined },
        logger: quietLogger,
      });
      return { name, replica: own, engine };
    }),
  );
}

function filesOf({ outside }: MemoryReplica): Record<string, string> {
  return Object.fromEntries(
    [...outside.paths()].map((path) => [path, Buffer.from(outside.read(path) ?? '').toString()]),
  );
}

async function syncAll(rounds = 1): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const { engine } of devices) await engine.run({ yes: true, allowDeletes: true });
}

function write(replica: MemoryReplica, path: string, content: string): void {
  replica.outside.write(parseSyncPath(path), Buffer.from(content));
}

describe('three devices on one server', () => {
  it.each([
    ['of different names', ['anna', 'ben', 'cem']],
    ['that share a name', ['laptop', 'laptop', 'laptop']],
  ])(
    '%s keep the versions of all three, under names that tell them apart',
    async (_what, names) => {
      await withDevices(...names);
      write(server, 'plan.txt', 'base');
      await syncAll();
      for (const [index, { replica }] of devices.entries())
        write(replica, 'plan.txt', `of ${index}`);
      await syncAll(2);
      const files = filesOf(server);
      expect(Object.values(files).sort()).toEqual(['of 0', 'of 1', 'of 2']);
      expect(files['plan.txt']).toBe('of 0');
      for (const { replica } of devices) expect(filesOf(replica)).toEqual(files);
      const before = filesOf(server);
      await syncAll(2);
      expect(filesOf(server)).toEqual(before);
    },
  );

  it('name a conflict about a copy after the original, on whichever device it arises', async () => {
    await withDevices('anna', 'ben', 'cem');
    write(server, 'plan.txt', 'base');
    await syncAll();
    for (const { replica, name } of devices.slice(0, 2)) write(replica, 'plan.txt', `by ${name}`);
    await syncAll(2);
    const copy = Object.keys(filesOf(server)).find((path) => path.includes('ben')) ?? '';
    for (const { replica, name } of devices) write(replica, copy, `again, by ${name}`);
    await syncAll(2);
    const files = filesOf(server);
    expect(Object.values(files).sort()).toEqual([
      'again, by anna',
      'again, by ben',
      'again, by cem',
      'by anna',
    ]);
    for (const path of Object.keys(files))
      expect(path).toMatch(/^plan( \(conflict [^()]+\)( 2)?)?\.txt$/);
    for (const { replica } of devices) expect(filesOf(replica)).toEqual(files);
  });

  it('are done with a conflict when the device that has it is, and others never list it', async () => {
    await withDevices('anna', 'ben', 'cem');
    write(server, 'plan.txt', 'base');
    await syncAll();
    for (const { replica, name } of devices.slice(0, 2)) write(replica, 'plan.txt', `by ${name}`);
    await syncAll(2);
    const listed = await Promise.all(devices.map(({ engine }) => engine.conflicts()));
    expect(listed.map((each) => each.length)).toEqual([0, 1, 0]);
    const copyPath = listed[1]?.[0]?.copyPath ?? '';
    devices[2]?.replica.outside.remove(parseSyncPath(copyPath));
    await syncAll(2);
    expect(await devices[1]?.engine.conflicts()).toEqual([]);
    for (const { replica } of devices) expect(filesOf(replica)).toEqual({ 'plan.txt': 'by anna' });
  });
});
