import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import type { Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Displacement, Logger, WriteItem } from '../../core/ports.ts';
import { codeOf, type NodeStat, type SafeRoot, systemError } from '../../native/index.ts';
import { folderError } from './errno.ts';
import { fillLarge } from './fill-large.ts';
import { isSameContent } from './node-version.ts';
import { keepPartial, keyInName, partialKey } from './partial-files.ts';
import {
  appendLines,
  makeDirectories,
  privatePath,
  readLines,
  removeIfThere,
} from './private-files.ts';
import type { VersionStore } from './version-store.ts';

const STAGE = privatePath('stage');
const JOURNAL = 'journal.ndjson';
/** Smaller files are collected in memory and written in one step. */
const SMALL_FILE_BYTES = 256 * 1024;
const ROOM_CHECK_BYTES = 16 * 1024 * 1024;
const STALE_AFTER_MS = 86_400_000;
const STAGED_NAME = /^\d+(\.[0-9a-f-]+)?$/;

const changeMode = promisify(fs.fchmod);

const OWN_HOST = hostname()
  .replace(/[^\w-]/gu, '_')
  .slice(0, 64);
const OWN_START = Math.trunc(performance.timeOrigin).toString();

/** A file that is complete beside the tree and waits to get its name. */
export interface StagedFile {
  readonly item: WriteItem;
  /** Where it is, on the disk. */
  readonly stage: string;
  readonly stat: NodeStat;
}

/** What a session is about to exchange: tells a staged file from the version that it displaced. */
interface JournalLine {
  /** The staged file's name in its directory. */
  readonly name: string;
  readonly ino: string;
  readonly path: SyncPath;
  readonly expected: Version;
  readonly displacement?: Omit<Displacement, 'onKept'>;
}

function nameIn(stage: string): string {
  return stage.slice(stage.lastIndexOf('/') + 1);
}

/** Bits that a file from elsewhere gets: never more than this user's own new files have, and no special ones. */
function permitted(mode: number): number {
  return mode & 0o777 & ~process.umask();
}

/** Returns the mode that a written file gets. */
export function writtenMode(mode: number | undefined): number {
  return permitted(mode ?? 0o666);
}

/**
 * The directory on the tree's own file system where files are completed before they are published; each process has
 * its own below `.ferry/stage`, so that none clears away what another is writing.
 */
export class Stage {
  readonly #folder =
    `${STAGE}/${OWN_HOST}.${process.pid}.${OWN_START}.${randomBytes(6).toString('hex')}`;
  /** The root that the directory was made in. */
  #preparedFor: SafeRoot | null = null;
  #count = 0;

  /** The directory itself, on the disk. */
  get folder(): string {
    return this.#folder;
  }

  async #prepare(root: SafeRoot): Promise<void> {
    if (this.#preparedFor === root) return;
    await makeDirectories(root, this.#folder);
    this.#preparedFor = root;
  }

  /** Returns places for so many new files, on the disk. */
  async places(root: SafeRoot, count: number): Promise<readonly string[]> {
    await this.#prepare(root);
    return Array.from({ length: count }, () => `${this.#folder}/${this.#count++}`);
  }

  /**
   * Writes an item's content into a new file here, with its final time and mode, and checks its length. `real` is
   * where it will go.
   * @throws LOCAL_NO_SPACE, ABORTED, or what the content's stream fails with; nothing is left then
   */
  async fill(
    root: SafeRoot,
    item: WriteItem,
    real: string,
    signal: AbortSignal,
  ): Promise<StagedFile> {
    const { path, sizeBytes } = item;
    const key = partialKey(item);
    const stage = `${this.#folder}/${this.#count++}${key === null ? '' : `.${key}`}`;
    try {
      await this.#prepare(root);
      await checkRoom(root, path, sizeBytes);
      if (sizeBytes <= SMALL_FILE_BYTES) return await fillAtOnce(root, item, stage, real, signal);
      return await fillLarge(root, item, { stage, real, key }, signal, async (fd) => {
        await changeMode(fd, await finalMode(root, item, real));
        if (item.mtimeNs !== undefined) await root.setTimesOfDescriptor(fd, item.mtimeNs);
        return { item, stage, stat: await root.statDescriptor(fd) };
      });
    } catch (error) {
      await removeIfThere(root, stage).catch(() => undefined); // the next observation sweeps it
      throw stageError(item, error);
    }
  }

  /** Takes back a file that will not be published after all; a large one is kept for the next attempt. */
  async giveUp(root: SafeRoot, { stage }: StagedFile): Promise<void> {
    const key = keyInName(nameIn(stage));
    if (key === null) await removeIfThere(root, stage);
    else await keepPartial(root, key, stage);
  }

  /** Notes durably what is about to be exchanged with staged files; only then may it be. */
  async journal(root: SafeRoot, staged: readonly StagedFile[]): Promise<string> {
    const lines = staged.flatMap(({ item, stage, stat }): JournalLine[] => {
      const { path, expected, displacement } = item;
      if (expected === 'absent') return [];
      const line = { name: nameIn(stage), ino: `${stat.ino}`, path, expected };
      return [displacement === undefined ? line : { ...line, displacement }];
    });
    const journal = `${this.#folder}/${JOURNAL}`;
    if (lines.length > 0) await appendLines(root, journal, lines);
    return journal;
  }

  /** Removes this process's directory; what is still in it stays for the next sweep, and with it the journal. */
  async close(root: SafeRoot): Promise<void> {
    if (this.#preparedFor !== root) return;
    const left = await root.list(this.#folder);
    if (left.some(({ name }) => name !== JOURNAL)) return;
    await removeIfThere(root, `${this.#folder}/${JOURNAL}`);
    await root.removeDirectory(this.#folder);
  }
}

/** A file that is replaced by a side that keeps no modes stays as executable or private as it was. */
export async function finalMode(root: SafeRoot, item: WriteItem, real: string): Promise<number> {
  if (item.mode !== undefined || item.expected === 'absent') return writtenMode(item.mode);
  const replaced = await root.stat(real);
  return replaced?.kind === 'file' ? replaced.mode & 0o777 : writtenMode(undefined);
}

async function fillAtOnce(
  root: SafeRoot,
  item: WriteItem,
  stage: string,
  real: string,
  signal: AbortSignal,
): Promise<StagedFile> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of measured(item, signal)) chunks.push(chunk);
  const [only] = chunks;
  const content = only && chunks.length === 1 ? only : Buffer.concat(chunks);
  const mode = await finalMode(root, item, real);
  const time = item.mtimeNs === undefined ? {} : { mtimeNs: item.mtimeNs };
  const [stat = { errno: 'EIO' }] = await root.createFiles([
    { path: stage, content, mode, ...time },
  ]);
  if ('errno' in stat) throw systemError(stat.errno, 'create', stage);
  return { item, stage, stat };
}

/** The content of an item, which fails at its end unless it has the announced length. */
async function* measured(item: WriteItem, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { sizeBytes } = item;
  let received = 0;
  for await (const chunk of await item.open(signal)) {
    throwIfAborted(signal);
    received += chunk.length;
    if (received > sizeBytes) break;
    yield chunk;
  }
  if (received !== sizeBytes) throw wrongLength(item, received);
}

/** Returns the error for what went wrong while the item was written beside the tree. */
export function stageError({ path, sizeBytes }: WriteItem, error: unknown): FerryError {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')
    ? noRoom(path, sizeBytes, error)
    : folderError(error, path, 'write');
}

/** Returns the error for a content that is not as long as announced. */
export function wrongLength({ path, sizeBytes }: WriteItem, received: number): FerryError {
  return new FerryError(
    'LOCAL_IO',
    `${path}: its content has ${received > sizeBytes ? 'more than' : `${received} instead of`} ${sizeBytes} bytes; it is tried again in the next run`,
    { path },
  );
}

function noRoom(path: SyncPath, sizeBytes: number, cause?: unknown): FerryError {
  return new FerryError(
    'LOCAL_NO_SPACE',
    `${path}: no room for its ${sizeBytes} bytes; free some space`,
    {
      path,
      cause,
    },
  );
}

/** Says early what a long transfer would find out at its end. */
async function checkRoom(root: SafeRoot, path: SyncPath, sizeBytes: number): Promise<void> {
  if (sizeBytes < ROOM_CHECK_BYTES) return;
  const { freeBytes } = await root.space();
  if (freeBytes < sizeBytes) throw noRoom(path, sizeBytes);
}

export interface SweepOptions {
  /** The directory that is in use. */
  readonly own: string;
  readonly versions: VersionStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Clears away what dead processes left: unpublished files are removed; a version that was displaced when its
 * process ended goes to the version store, or back to the user when it was not the one that the process expected.
 */
export async function sweepStage(root: SafeRoot, options: SweepOptions): Promise<void> {
  if (!(await root.stat(STAGE))) return;
  for (const { name, stat } of await root.list(STAGE)) {
    const folder = `${STAGE}/${name}`;
    if (name === null || stat?.kind !== 'directory' || folder === options.own) continue;
    const changedMs = Number(stat.ctimeNs / 1_000_000n);
    if (isInUse(name) && options.clock.now() - changedMs < STALE_AFTER_MS) continue;
    await sweepFolder(root, folder, options);
  }
}

/** Tells whether the process that made the directory may still run. */
function isInUse(name: string): boolean {
  const [host, pid, start] = name.split('.');
  if (host !== OWN_HOST) return true;
  if (Number(pid) === process.pid) return start === OWN_START; // in a container, the number comes again
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

async function sweepFolder(root: SafeRoot, folder: string, options: SweepOptions): Promise<void> {
  const lines = (await readLines(root, `${folder}/${JOURNAL}`)) as readonly JournalLine[];
  const journal = new Map(lines.map((line) => [line.name, line]));
  for (const { name, stat } of await root.list(folder)) {
    if (name === null || !stat || name === JOURNAL) continue;
    const left = `${folder}/${name}`;
    const line = journal.get(name);
    const isOurs = line ? `${stat.ino}` === line.ino : STAGED_NAME.test(name) || stat.links > 1;
    const key = keyInName(name);
    // An emulated exchange has the displaced version under a temporary name for a moment.
    const displaced = line ?? lines.find(({ expected }) => isSameContent(stat, expected));
    if (isOurs && key !== null && stat.links === 1) await keepPartial(root, key, left);
    else if (isOurs) await removeIfThere(root, left);
    else await saveDisplaced(root, left, stat, displaced, options);
  }
  await removeIfThere(root, `${folder}/${JOURNAL}`);
  await root.removeDirectory(folder);
}

async function saveDisplaced(
  root: SafeRoot,
  left: string,
  stat: NodeStat,
  line: JournalLine | undefined,
  { versions, logger }: SweepOptions,
): Promise<void> {
  if (line && isSameContent(stat, line.expected)) {
    const { displacement, path } = line;
    const stored = await versions.keep(root, left, path, displacement);
    await versions.note(root, [{ path, stored, ...(displacement ? { displacement } : {}) }]);
    return;
  }
  const path = line?.path ?? ('recovered' as SyncPath);
  const copy = await versions.giveBack(root, left, path);
  logger.warn('an edit was found that an interrupted run had displaced; kept as a copy', { copy });
}
