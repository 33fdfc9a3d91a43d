import {
  closeSync,
  fdatasync,
  promises as fs,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { FerryError } from '../../core/model/errors.ts';
import { rowLengthAt } from './drive-row.ts';

const syncData = promisify(fdatasync);

const NAME = /^\d{16}$/;
const NAME_DIGITS = 16;
const HEADER_BYTES = 8;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Returns the directory of a drive's log. */
export function logDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'log');
}

/**
 * Reads the rows of every whole record in the log, in the order in which they were written. Reading a file stops at
 * its first record that is torn: a crash leaves one at the end of the log, which was never acknowledged. Where there are
 * whole ones behind it, what it held is lost, and `onLost` is called.
 */
export async function* readLog(
  stateDirectory: string,
  onLost: () => void = () => {},
): AsyncIterable<Buffer> {
  let isTorn = false;
  for (const name of await namesIn(logDirectory(stateDirectory))) {
    const file = await fs.readFile(join(logDirectory(stateDirectory), name));
    let end = 0;
    for (const { rows, endsAt } of recordsIn(file)) {
      if (isTorn && rows.length > 0) onLost();
      end = endsAt;
      yield rows;
    }
    if (end < file.length) isTorn = true;
    if (isTorn && hasRecordBehind(file, end)) onLost();
  }
}

/** Removes the files of the log that are older than the one of that number; without it, all. */
export async function dropLog(stateDirectory: string, before = Infinity): Promise<void> {
  for (const name of await namesIn(logDirectory(stateDirectory)))
    if (Number(name) < before)
      await fs.rm(join(logDirectory(stateDirectory), name), { force: true });
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await fs.readdir(directory)).filter((name) => NAME.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

interface LogRecord {
  readonly rows: Buffer;
  readonly endsAt: number;
}

function* recordsIn(file: Buffer): Iterable<LogRecord> {
  for (let record = recordAt(file, 0); record !== null; record = recordAt(file, record.endsAt))
    yield record;
}

/** Null: what is there is no whole record. */
function recordAt(file: Buffer, at: number): LogRecord | null {
  if (at + HEADER_BYTES > file.length) return null;
  const endsAt = at + HEADER_BYTES + file.readUInt32LE(at);
  if (endsAt > file.length) return null;
  const rows = file.subarray(at + HEADER_BYTES, endsAt);
  return crc32(rows) === file.readUInt32LE(at + 4) ? { rows, endsAt } : null;
}

/** Tells whether a whole record begins anywhere behind a torn one, whose length may be wrong, too. */
function hasRecordBehind(file: Buffer, tornAt: number): boolean {
  for (let at = tornAt + 1; at + HEADER_BYTES < file.length; at += 1)
    if (rowLengthAt(file, at + HEADER_BYTES) > 0 && recordAt(file, at) !== null) return true;
  return false;
}

/**
 * The write-ahead log of a drive: what is appended outlives this process, and a power cut too once `sync` resolves.
 * Its rows go to the store later, and the files that hold them are dropped then.
 */
export class DriveLog {
  readonly #stateDirectory: string;
  #sequence = 0;
  #fd = -1;
  #bytes = 0;
  /** The file's name is not durable yet. */
  #isNew = true;
  #isUnsynced = false;
  /** Files that were written before the present one; they are closed when they are durable or dropped. */
  #older: number[] = [];
  #syncing: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  private constructor(stateDirectory: string) {
    this.#stateDirectory = stateDirectory;
  }

  /** Begins a new file behind those that are there. @throws LOCAL_NO_SPACE, LOCAL_IO */
  static async open(stateDirectory: string): Promise<DriveLog> {
    const log = new DriveLog(stateDirectory);
    mkdirSync(logDirectory(stateDirectory), { recursive: true, mode: DIRECTORY_MODE });
    log.#sequence = Number((await namesIn(logDirectory(stateDirectory))).at(-1) ?? 0);
    log.rotate();
    return log;
  }

  /** Bytes in the present file. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends one record: all of these rows or, after a crash, none. @throws LOCAL_NO_SPACE, LOCAL_IO */
  append(rows: readonly Uint8Array[]): void {
    const record = Buffer.concat([Buffer.allocUnsafe(HEADER_BYTES), ...rows]);
    const payload = record.subarray(HEADER_BYTES);
    record.writeUInt32LE(payload.length, 0);
    record.writeUInt32LE(crc32(payload), 4);
    try {
      for (let done = 0; done < record.length; )
        done += writeSync(this.#fd, record, done, record.length - done, this.#bytes + done);
    } catch (error) {
      // Half a record would hide all that is appended behind it.
      ftruncateSync(this.#fd, this.#bytes);
      throw logError(error);
    }
    this.#bytes += record.length;
    this.#isUnsynced = true;
  }

  /** Resolves when what was appended until now is durable; callers that wait at the same time share one flush. */
  sync(): Promise<void> {
    if (this.#syncing === null) return this.#startSync();
    // The one that runs may have begun before the last append.
    this.#next ??= this.#syncing
      .catch(() => {
        // Told to those who wait for it.
      })
      .then(() => {
        this.#next = null;
        return this.#startSync();
      });
    return this.#next;
  }

  /** Begins a new file and returns its number: what is in those before it can be dropped once it is stored. */
  rotate(): number {
    this.#sequence += 1;
    const name = String(this.#sequence).padStart(NAME_DIGITS, '0');
    try {
      const fd = openSync(join(logDirectory(this.#stateDirectory), name), 'wx', FILE_MODE);
      if (this.#fd >= 0) this.#older.push(this.#fd);
      this.#fd = fd;
    } catch (error) {
      throw logError(error);
    }
    this.#bytes = 0;
    this.#isNew = true;
    return this.#sequence;
  }

  /** Removes the files before the one of that number. */
  async drop(before: number): Promise<void> {
    for (let flush = this.#flush; flush !== null; flush = this.#flush) await flush;
    for (const fd of this.#older.splice(0)) closeSync(fd);
    await dropLog(this.#stateDirectory, before);
  }

  /** Lets go of the files; what is in them stays. */
  async close(): Promise<void> {
    for (let flush = this.#flush; flush !== null; flush = this.#flush) await flush;
    for (const fd of [...this.#older.splice(0), this.#fd]) if (fd >= 0) closeSync(fd);
    this.#fd = -1;
  }

  /**
   * The flush that uses the files now; null: none does, until something is awaited. How it ends is told to those who
   * asked for it.
   */
  get #flush(): Promise<void> | null {
    return this.#syncing?.catch(() => undefined) ?? null;
  }

  #startSync(): Promise<void> {
    if (!this.#isUnsynced || this.#fd < 0) return Promise.resolve();
    this.#isUnsynced = false;
    this.#syncing = this.#sync().finally(() => {
      this.#syncing = null;
    });
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    try {
      if (this.#isNew) {
        this.#isNew = false;
        syncDirectory(logDirectory(this.#stateDirectory));
      }
      await Promise.all([...this.#older, this.#fd].map((fd) => syncData(fd)));
    } catch (error) {
      this.#isUnsynced = true;
      throw logError(error);
    }
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function logError(cause: unknown): FerryError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new FerryError(
    isFull ? 'LOCAL_NO_SPACE' : 'LOCAL_IO',
    isFull
      ? "no room for the drive's log; free some space on this disk"
      : `the drive's log cannot be written: ${message}`,
    { cause },
  );
}
