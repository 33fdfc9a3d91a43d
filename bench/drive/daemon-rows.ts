import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from '../../test/support/servers/real-server.ts';
import type { RowOptions } from '../rows.ts';
import { madeOnce } from '../stage.ts';
import { makeBigFile } from '../trees.ts';
import { WireCounter } from '../wire.ts';
import { DaemonDrive, type ShownServer, serveFolder } from './daemon-drive.ts';
import { DRIVE_BACKENDS, type DrivePeer, whileShown } from './drive-peers.ts';
import { type DriveResult, note, resultsOf, type Taken } from './drive-table.ts';
import { bounded, Probe } from './probe.ts';

const MIB = 2 ** 20;
const PART_FILES = 20;
const PART_FILE_BYTES = 100 * MIB;
const PART_OFFSET = 50 * MIB;
const PART_BYTES = 64 * 1024;
/** What is fetched ahead counts, too. */
const AFTERWARDS_MS = 300;
const EDITS = 10;
const EDITS_OF_PLAIN = 4;
const EDIT_TIMEOUT_MS = 10_000;
const PLAIN_TIMEOUT_MS = 45_000;
const KILL_TIMEOUT_MS = 15_000;

function backendOf(name: string): string {
  return DRIVE_BACKENDS[name as keyof typeof DRIVE_BACKENDS];
}

function clean(work: string): string {
  const directory = join(work, 'daemon-drive');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
}

interface Stage {
  readonly server: ShownServer;
  readonly drive: DaemonDrive;
}

async function withDrive<T>(
  options: {
    readonly work: string;
    readonly peer: string;
    readonly kind: 'companion' | 'plain';
    readonly folder: (directory: string) => string;
  },
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const { peer, kind, folder } = options;
  const directory = clean(options.work);
  const server = await serveFolder(kind, folder(directory), join(directory, 'server'));
  try {
    const drive = await DaemonDrive.open(directory, backendOf(peer), server.address);
    try {
      return await work({ server, drive });
    } finally {
      await drive.close();
    }
  } finally {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** D4: a part of a file that is only on the server. */
export async function partRows(peer: DrivePeer, { work }: RowOptions): Promise<DriveResult[]> {
  const source = join(work, 'drive-parts');
  madeOnce(source, () => {
    for (let index = 0; index < PART_FILES; index++)
      makeBigFile(join(source, nameOfPart(index)), PART_FILE_BYTES, 100 + index);
  });
  const probe = new Probe(work);
  if (!(peer.name in DRIVE_BACKENDS))
    return whileShown(peer, { source, work }, async ({ path, port }) =>
      resultsOf(await readParts(probe, path, port), peer.name),
    );
  const options = { work, peer: peer.name, kind: 'companion', folder: () => source } as const;
  return withDrive(options, async ({ server, drive }) => {
    await drive.settled(PART_FILES);
    return resultsOf(await readParts(probe, drive.mountPoint, server.port), peer.name);
  });
}

function nameOfPart(index: number): string {
  return `part ${index}.dat`;
}

async function readParts(probe: Probe, folder: string, port: number | null): Promise<Taken> {
  const taken: Taken = new Map();
  const wire = new WireCounter();
  await bounded(60, 'ls', '-l', folder);
  for (let index = 0; index < PART_FILES; index++) {
    if (port !== null) wire.start(port);
    const file = join(folder, nameOfPart(index));
    const { ns = Number.NaN, bytes } = await probe.run('part', file, PART_OFFSET, PART_BYTES);
    if (bytes !== PART_BYTES) throw new Error(`${bytes} bytes of ${file} came`);
    note(taken, 'D4 part', ns / 1e6);
    await sleep(AFTERWARDS_MS);
    const { down } = wire.read();
    if (down !== null) note(taken, 'D4 fetched', down / 1024);
    wire.stop();
  }
  return taken;
}

/** D5: what another client writes. */
export async function changeRows(peer: DrivePeer, options: RowOptions): Promise<DriveResult[]> {
  const { work } = options;
  const probe = new Probe(work);
  const taken: Taken = new Map();
  const kinds = [
    { kind: 'companion', edits: EDITS, timeoutMs: EDIT_TIMEOUT_MS },
    { kind: 'plain', edits: EDITS_OF_PLAIN, timeoutMs: PLAIN_TIMEOUT_MS },
  ] as const;
  for (const { kind, edits, timeoutMs } of kinds) {
    if (kind === 'plain' && programPath('rclone') === null) continue;
    const folder = (directory: string): string => {
      const served = join(directory, 'served');
      mkdirSync(served);
      return served;
    };
    await withDrive({ work, peer: peer.name, kind, folder }, async ({ server, drive }) => {
      await server.put('first.txt', 'first\n');
      await drive.settled(1);
      for (let index = 0; index < edits; index++) {
        // By turns a new file, and a new content of one that is there.
        const name = index % 2 === 0 ? `new ${index}.txt` : 'first.txt';
        const content = 'x'.repeat(100 + index);
        await bounded(10, 'ls', '-l', drive.mountPoint);
        await sleep(500 + ((index * 37) % 200));
        let startedMs = Number.NaN;
        const place = { directory: drive.mountPoint, name, bytes: content.length };
        const { statMs, eventMs } = await probe.seen(place, timeoutMs, () => {
          startedMs = performance.timeOrigin + performance.now();
          return server.put(encodeURIComponent(name), content);
        });
        note(taken, `D5 ${kind}`, (statMs ?? Number.POSITIVE_INFINITY) - startedMs);
        note(taken, `D5 ${kind} event`, (eventMs ?? Number.POSITIVE_INFINITY) - startedMs);
      }
    });
  }
  return resultsOf(taken, peer.name);
}

/** D6: coming and going. */
export async function lifeRows(peer: DrivePeer, options: RowOptions): Promise<DriveResult[]> {
  const { work, runs } = options;
  const taken: Taken = new Map();
  const folder = (directory: string): string => {
    const served = join(directory, 'served');
    makeBigFile(join(served, 'file.dat'), MIB, 4);
    return served;
  };
  const kind = 'companion' as const;
  await withDrive({ work, peer: peer.name, kind, folder }, async ({ drive }) => {
    const file = join(drive.mountPoint, 'file.dat');
    const timed = async (row: string, act: () => Promise<void>): Promise<void> => {
      const startedMs = performance.now();
      await act();
      note(taken, row, performance.now() - startedMs);
    };
    await drive.settled(1);
    for (let run = 0; run < runs; run++) {
      await timed('D6 unmount', () => drive.unmount());
      await timed('D6 mount', () => drive.mount());
      await drive.settled(1);
    }
    for (let run = 0; run < runs; run++) {
      await sleep(1000);
      drive.killServing();
      const startedMs = performance.now();
      const isBack = await comesBack(file);
      const tookMs = performance.now() - startedMs;
      note(taken, 'D6 killed', isBack ? tookMs : Number.POSITIVE_INFINITY);
      if (!isBack) break;
    }
  });
  return resultsOf(taken, peer.name);
}

/** Asks again and again, as a program would that the user starts anew. */
async function comesBack(file: string): Promise<boolean> {
  const endMs = performance.now() + KILL_TIMEOUT_MS;
  while (performance.now() < endMs) {
    const answer = await bounded(2, 'stat', '-c', '%s', file).catch(() => null);
    if (answer?.trim() === `${MIB}`) return true;
    await sleep(10);
  }
  return false;
}
