/**
 * Holds one drive in a process of its own, so that nothing of the benchmark runs in it; its other side is a folder
 * that nobody changes. Driven over the IPC channel: each request names a command and gets one reply.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Version } from '../../core/model/entry.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Content, Logger, WriteItem } from '../../core/ports.ts';
import { type Drive, type DriveOptions, openDrive } from '../../fs-adapter/mount/drive.ts';

export type DriveCommand =
  /** Answers with `OpenedFigures`. */
  | {
      readonly do: 'open';
      readonly mountPoint: string;
      readonly stateDirectory: string;
      readonly source: string;
      readonly backend: string;
      readonly passthrough: boolean;
    }
  | { readonly do: 'mount' }
  | { readonly do: 'unmount' }
  /** Enters everything in the folder as placeholders. */
  | { readonly do: 'seed' }
  /** Enters files that are nowhere. */
  | { readonly do: 'seed-made-up'; readonly directories: number; readonly filesInEach: number }
  | { readonly do: 'hydrate'; readonly path: string }
  | { readonly do: 'close' };

/** What opening the drive has taken. */
export interface OpenedFigures {
  readonly seconds: number;
  /** How much memory the process has more than before, after a collection where that is possible. */
  readonly bytes: number;
  readonly entries: number;
}

const SOURCE_VERSION = 'as-it-is' as Version;
const FIRST_TIME_NS = 1_700_000_000_000_000_000n;
const UNDECIDED_BYTES = 4096;

const silent: Logger = {
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => silent,
};

let source = '';
let drive: Drive | null = null;

function opened(): Drive {
  if (drive === null) throw new Error('no drive is open');
  return drive;
}

async function hydrate(
  path: string,
  _version: unknown,
  { range }: { readonly range?: { readonly offset: number; readonly length: number } },
): Promise<Content> {
  const file = join(source, path);
  const part = range ? { start: range.offset, end: range.offset + range.length - 1 } : {};
  return { sizeBytes: statSync(file).size, stream: createReadStream(file, part) };
}

function memoryBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  return process.memoryUsage.rss();
}

async function open(command: DriveCommand & { do: 'open' }): Promise<OpenedFigures> {
  const { mountPoint, stateDirectory, backend } = command;
  source = command.source;
  const before = memoryBytes();
  const startedMs = performance.now();
  const clock = { now: () => Date.now(), sleep: (ms: number) => delay(ms) };
  drive = await openDrive({
    name: 'bench',
    mountPoint,
    stateDirectory,
    backend: backend as NonNullable<DriveOptions['backend']>,
    passthrough: command.passthrough,
    clock,
    logger: silent,
    hydrate,
  });
  if (drive.stats.backend !== backend) throw new Error(`there is no backend ${backend} here`);
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, bytes: memoryBytes() - before, entries: drive.stats.entries };
}

function item(path: string, sizeBytes: number, mtimeNs: bigint): WriteItem {
  return {
    path: parseSyncPath(path),
    expected: 'absent',
    sizeBytes,
    mtimeNs,
    mode: 0o644,
    sourceVersion: SOURCE_VERSION,
    open: () => Promise.reject(new Error('a placeholder needs no content')),
  };
}

async function enter(items: readonly WriteItem[]): Promise<void> {
  for await (const group of opened().replica.writeMany(items))
    for (const result of group) if ('error' in result) throw result.error;
}

async function seed(below: string): Promise<void> {
  const items: WriteItem[] = [];
  for (const entry of readdirSync(join(source, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      await opened().replica.makeDirectory(parseSyncPath(path));
      await seed(path);
    } else {
      const { size, mtimeNs } = statSync(join(source, path), { bigint: true });
      items.push(item(path, Number(size), mtimeNs));
    }
  }
  await enter(items);
}

async function seedMadeUp(directories: number, filesInEach: number): Promise<void> {
  for (let directory = 0; directory < directories; directory++) {
    const above = `directory ${directory}`;
    await opened().replica.makeDirectory(parseSyncPath(above));
    const items = Array.from({ length: filesInEach }, (_, file) =>
      item(`${above}/file ${file}.dat`, UNDECIDED_BYTES + file, FIRST_TIME_NS + BigInt(file)),
    );
    await enter(items);
  }
}

async function answer(command: DriveCommand): Promise<unknown> {
  switch (command.do) {
    case 'open':
      return open(command);
    case 'mount':
      return opened().mount();
    case 'unmount':
      return opened().unmount();
    case 'seed':
      return seed('');
    case 'seed-made-up':
      return seedMadeUp(command.directories, command.filesInEach);
    case 'hydrate':
      return opened().cache.hydrate([parseSyncPath(command.path)], {
        signal: new AbortController().signal,
      });
    case 'close':
      return opened().close();
  }
}

process.on('message', ({ id, command }: { id: number; command: DriveCommand }) => {
  answer(command).then(
    (value) => process.send?.({ id, value: value ?? null }),
    (error) => process.send?.({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
