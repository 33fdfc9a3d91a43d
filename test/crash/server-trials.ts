import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../../server/serve.ts';
import { quietLogger } from '../support/quiet.ts';
import { placeAt } from './client.ts';
import { copyDisk, type FileSystem, makeDisk, mountDisk, unmountDisk } from './disks.ts';
import { LineProcess } from './line-process.ts';
import { orWhatFailed } from './oracle.ts';
import { below } from './picture.ts';
import { countCalls, everyMoment, formatMoment, type Moment, seededRandom } from './points.ts';
import { RecordedDisks } from './recorded-disks.ts';
import { type Holdings, isPossible, SERVER_WORK, sendWork } from './server-work.ts';
import { cutOf, DISKS, WriteLog } from './write-log.ts';

/** What became of a server that was killed, or of its disk after a power cut. */
export interface ServerResult {
  readonly trial: string;
  readonly isReached: boolean;
  readonly wrong: readonly string[];
  readonly durationMs: number;
}

const PRIVATE = '.ferry';
const SETTLE_MS = 1500;

async function holdingsIn(root: string): Promise<Holdings> {
  const found = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (path === PRIVATE || path.startsWith(`${PRIVATE}/`)) continue;
    const isFile = entry.isFile();
    found.set(path, isFile ? await readFile(join(root, path), 'latin1') : 'directory');
  }
  return found;
}

/** Starts a server on what a crash has left, and returns what is wrong with the tree that it serves. */
async function checkServed(root: string, answered: number): Promise<readonly string[]> {
  const plain = { host: '127.0.0.1', port: 0, users: null, tls: null, logger: quietLogger };
  const server = await serve({ ...plain, directory: root });
  try {
    const found = await holdingsIn(root);
    const left = await below(join(root, PRIVATE, 'stage'));
    const says = [...found].map(([path, content]) => `${path}: ${content.slice(0, 40)}`);
    return [
      ...(isPossible(found, answered)
        ? []
        : [`after ${answered} of ${SERVER_WORK.length} answers there is ${says.join(', ')}`]),
      ...left.map((path) => `left over in the stage: ${path}`),
    ];
  } finally {
    await server.close();
  }
}

/** Returns every moment at which the server can be killed during the work. */
export async function serverMoments(directory: string, shim: string): Promise<readonly Moment[]> {
  const trace = join(directory, 'trace');
  await workUnderShim(directory, { LD_PRELOAD: shim, FERRY_CRASH_TRACE: trace });
  return everyMoment(countCalls(await readFile(trace, 'utf8')));
}

async function workUnderShim(directory: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const root = join(directory, 'served');
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const server = LineProcess.start('server-host', [], { ...environment, FERRY_CRASH_UNDER: root });
  try {
    const port = await server.ask<number>({ directory: root, port: 0 }).catch(() => null);
    return port === null ? 0 : await sendWork(`http://127.0.0.1:${port}/`);
  } finally {
    await server.stop();
  }
}

/** Kills the server at a moment of its work, and checks that all it has answered holds. */
export async function killServer(
  directory: string,
  shim: string,
  moment: Moment,
): Promise<ServerResult> {
  const startedAt = performance.now();
  const point = formatMoment(moment);
  const answered = await workUnderShim(directory, { LD_PRELOAD: shim, FERRY_CRASH_POINT: point });
  const wrong = await orWhatFailed(checkServed(join(directory, 'served'), answered));
  const durationMs = Math.round(performance.now() - startedAt);
  return { trial: point, isReached: answered < SERVER_WORK.length, wrong, durationMs };
}

/** Records the server's disk during the work, lets the power go in `images` ways, and checks that all it has answered holds. */
export async function cutServer(
  directory: string,
  recordedDisk: string,
  options: {
    readonly fileSystem: FileSystem;
    readonly images: number;
    readonly seed: number;
    readonly onResult: (result: ServerResult) => void;
  },
): Promise<void> {
  const { fileSystem, images, seed, onResult } = options;
  const place = placeAt(join(directory, 'place'));
  const image = (name: string): string => join(directory, `${name}.img`);
  for (const disk of DISKS) {
    await mkdir(place[disk], { recursive: true });
    await makeDisk(image(`${disk}.run`), fileSystem);
  }
  await copyDisk(image('server.run'), image('start'));
  const log = await recordWork(directory, recordedDisk, fileSystem);
  for (let number = 0; number < images; number++) {
    const startedAt = performance.now();
    const random = seededRandom(seed * 100_000 + number);
    const cut = { ...cutOf(log.length, random), victims: DISKS };
    await copyDisk(image('start'), image('now'));
    await log.apply(image('now'), 'server', cut, random);
    await mountDisk(image('now'), place.server, fileSystem);
    const answered = log.marksBefore(cut.at);
    // Until something is answered, not even the folder that is served is there for certain.
    const isServed = answered > 0 || (await below(place.server)).includes('tree');
    const wrong = isServed ? await orWhatFailed(checkServed(place.remote, answered)) : [];
    await unmountDisk(place.server);
    const durationMs = Math.round(performance.now() - startedAt);
    const trial = `${fileSystem}:${seed}:${number}`;
    onResult({ trial, isReached: isServed, wrong, durationMs });
  }
}

async function recordWork(
  directory: string,
  recordedDisk: string,
  fileSystem: FileSystem,
): Promise<WriteLog> {
  const place = placeAt(join(directory, 'place'));
  const log = join(directory, 'log');
  await rm(log, { force: true });
  const server = LineProcess.start('server-host');
  const disks = await RecordedDisks.start({
    program: recordedDisk,
    directory: join(directory, 'disks'),
    log,
    images: {
      client: join(directory, 'client.run.img'),
      server: join(directory, 'server.run.img'),
    },
    place,
    fileSystem,
  });
  try {
    await mkdir(place.remote, { recursive: true });
    const port = await server.ask<number>({ directory: place.remote, port: 0 });
    const answered = await sendWork(`http://127.0.0.1:${port}/`, (groups) =>
      disks.mark(`${groups}`),
    );
    if (answered < SERVER_WORK.length) throw new Error('the recorded server did not do its work');
    await sleep(SETTLE_MS);
    return await WriteLog.read(log, await disks.logBytes());
  } finally {
    await server.stop();
    await disks.close();
  }
}
