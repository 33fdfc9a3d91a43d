import { randomBytes } from 'node:crypto';
import { close, constants, fdatasync, read, write } from 'node:fs';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Logger } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import type { ChangeTree } from './change-tree.ts';
import type { LogLine } from './changed-directory.ts';

const readAsync = promisify(read);
const writeAsync = promisify(write);
const closeAsync = promisify(close);
const fdatasyncAsync = promisify(fdatasync);

const FOLDER = '.ferry/feed';
const FILE = `${FOLDER}/changes.ndjson`;
const FORMAT = 1;
const READ_BYTES = 1024 * 1024;
const WRITE_CHARS = 256 * 1024;
const MAX_RUNS = 1000;
/** More lines than this, most of them out of date, and the file is written anew. */
const COMPACT_LINES = 20_000;
const SYNC_EVERY_MS = 1000;

/** A start of the server: the numbers from `first` on are its own; up to `given`, cursors have left the server. */
export interface Run {
  readonly id: string;
  readonly first: number;
  given: number;
}

interface Header {
  readonly epoch: string;
  readonly key: string;
}

type Line =
  | LogLine
  | readonly [type: 'h', format: number, header: Header, file: string]
  | readonly [type: 'r', id: string, first: number]
  | readonly [type: 's', seq: number];

/**
 * What the feed has to know after a restart: its epoch and key, which numbers were given out, and for each directory the
 * fingerprint of its listing, as lines with a checksum, in a file that grows and is written anew from time to time. The
 * file knows which file it is: one that was copied back from somewhere begins a new epoch, and so does a damaged one.
 */
export class FeedLog {
  readonly #root: SafeRoot;
  readonly #logger: Logger;
  #header: Header = { epoch: '', key: '' };
  #runs: Run[] = [];
  #fd: number | null = null;
  #sizeBytes = 0;
  #lines = 0;
  #rewrites = 0;
  /** How many stood for everything when the file was written anew. */
  #linesOfAll = 0;
  #writing: Promise<void> = Promise.resolve();
  #isSyncing = false;
  #needsSync = false;

  private constructor(root: SafeRoot, logger: Logger) {
    this.#root = root;
    this.#logger = logger;
  }

  /** Reads what was known into `tree`, and begins a run; null when it cannot be kept. */
  static async open(root: SafeRoot, tree: ChangeTree, logger: Logger): Promise<FeedLog | null> {
    const log = new FeedLog(root, logger);
    try {
      const isKnown = await log.#load(tree);
      if (!isKnown) log.#header = freshHeader();
      const last = log.#runs.at(-1)?.given ?? 0;
      tree.resume(Math.max(tree.seq, last) + 1);
      log.#begin(tree.seq);
      await log.#rewrite(tree);
      return log;
    } catch (error) {
      logger.warn('the change feed cannot be kept; it is not offered', { error: String(error) });
      await log.close();
      return null;
    }
  }

  get epoch(): string {
    return this.#header.epoch;
  }

  get key(): string {
    return this.#header.key;
  }

  /** The present run. */
  get run(): Run {
    return this.#runs.at(-1) ?? { id: '', first: 0, given: 0 };
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Begins a new epoch: cursors that were given out so far cannot be followed. */
  async renew(tree: ChangeTree): Promise<void> {
    this.#header = freshHeader();
    this.#runs = [];
    this.#begin(tree.seq);
    await this.#enqueue(() => this.#rewrite(tree));
  }

  /**
   * Resolves when what happened up to `seq` is written down, so that a cursor with that number may leave the server: a
   * process that is killed now does not forget it. The disk follows within a second; after a power cut before that, the
   * cursor is one that the server knows nothing of.
   */
  async give(tree: ChangeTree, seq: number): Promise<void> {
    const { run } = this;
    const rewrites = this.#rewrites;
    const lines: Line[] = [...tree.takeLines()];
    if (seq > run.given) {
      run.given = seq;
      lines.push(['s', seq]);
    }
    if (lines.length > 0)
      await this.#enqueue(async () => {
        // Whoever has written the file anew meanwhile has written down what is in these lines, too, and more.
        if (rewrites !== this.#rewrites) return;
        if (this.#lines > COMPACT_LINES && this.#lines > 4 * this.#linesOfAll)
          await this.#rewrite(tree);
        else await this.#append(lines);
        this.#syncSoon();
      });
    else await this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    const fd = this.#fd;
    this.#fd = null;
    if (fd === null) return;
    await fdatasyncAsync(fd).catch(() => undefined); // what is missing only leads to more listings
    await closeAsync(fd);
  }

  #begin(first: number): void {
    this.#runs.push({ id: randomBytes(6).toString('base64url'), first, given: first });
    if (this.#runs.length > MAX_RUNS) this.#runs = this.#runs.slice(-MAX_RUNS);
  }

  /** After a failure nothing more is written: the file is removed, and the epoch is one that no file knows. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(work).catch(async (error: unknown) => {
      this.#logger.warn('the change feed cannot be kept any more; it begins anew', {
        error: String(error),
      });
      this.#header = freshHeader();
      this.#runs = this.#runs.slice(-1);
      const fd = this.#fd;
      this.#fd = null;
      if (fd !== null) await closeAsync(fd);
      await this.#root.removeFile(FILE).catch(() => undefined); // its runs do not hold what is given out now
    });
    return this.#writing;
  }

  async #append(lines: readonly Line[]): Promise<void> {
    if (this.#fd === null) return;
    let text = '';
    for (const line of lines) {
      text += textOf(line);
      if (text.length < WRITE_CHARS) continue;
      await this.#write(text);
      text = '';
    }
    await this.#write(text);
    this.#lines += lines.length;
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length && this.#fd !== null; ) {
      const position = this.#sizeBytes;
      const { bytesWritten } = await writeAsync(this.#fd, bytes, at, bytes.length - at, position);
      at += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }

  /** Writes everything into a new file, which then takes the place of the old one. */
  async #rewrite(tree: ChangeTree): Promise<void> {
    if (this.#fd === null && this.#lines > 0) return; // it failed before
    for (const folder of ['.ferry', FOLDER])
      await this.#root.makeDirectory(folder, 0o700).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
    const fresh = `${FILE}.new`;
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    await this.#root.removeFile(fresh).catch(ignoreMissing);
    const fd = await this.#root.open(fresh, flags, 0o600);
    if (this.#fd !== null) await closeAsync(this.#fd);
    this.#fd = fd;
    this.#sizeBytes = 0;
    this.#lines = 0;
    this.#rewrites++;
    tree.takeLines();
    const runs = this.#runs.flatMap(({ id, first, given }): Line[] => [
      ['r', id, first],
      ['s', given],
    ]);
    await this.#append([
      ['h', FORMAT, this.#header, await this.#identityOf(fd)],
      ...runs,
      ...tree.dump(),
    ]);
    this.#linesOfAll = this.#lines;
    await fdatasyncAsync(fd);
    await this.#root.rename(fresh, FILE, 'replace');
    await this.#root.syncDirectory(FOLDER);
  }

  /** A file that was copied, or restored from a backup, is another one. */
  async #identityOf(fd: number): Promise<string> {
    const { ino, birthtimeNs } = await this.#root.statDescriptor(fd);
    return `${ino}-${birthtimeNs}`;
  }

  #syncSoon(): void {
    this.#needsSync = true;
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const sync = async (): Promise<void> => {
      this.#needsSync = false;
      if (this.#fd !== null) await fdatasyncAsync(this.#fd).catch(() => undefined); // closed meanwhile, or the next one tells
      setTimeout(() => {
        this.#isSyncing = false;
        if (this.#needsSync) this.#syncSoon();
      }, SYNC_EVERY_MS).unref();
    };
    void sync();
  }

  /** False: nothing usable is there. */
  async #load(tree: ChangeTree): Promise<boolean> {
    if ((await this.#root.stat(FILE)) === null) return false;
    const fd = await this.#root.open(FILE, constants.O_RDONLY);
    let isFirst = true;
    let isBroken = false;
    try {
      for await (const text of linesOf(fd)) {
        const line = parseLine(text);
        // A cut line at the end is what a crash leaves; one with others behind it is damage.
        if (isBroken) return this.#refuse(tree, 'it is damaged');
        if (line === null) {
          isBroken = true;
          if (isFirst) return this.#refuse(tree, 'it is damaged');
          continue;
        }
        if (isFirst) {
          if (line[0] !== 'h' || line[1] !== FORMAT)
            return this.#refuse(tree, 'its format is another');
          if (line[3] !== (await this.#identityOf(fd)))
            return this.#refuse(tree, 'it was copied back from elsewhere');
          this.#header = line[2];
          isFirst = false;
        } else this.#apply(line, tree);
      }
    } finally {
      await closeAsync(fd);
    }
    return !isFirst;
  }

  #apply(line: Line, tree: ChangeTree): void {
    const last = this.#runs.at(-1);
    switch (line[0]) {
      case 'n':
        tree.restore(line[1], { fingerprint: line[2], own: line[3], placed: line[4] });
        tree.resume(Math.max(tree.seq, line[3], line[4]));
        break;
      case 'x':
        tree.relocate(line[1], null, 0);
        break;
      case 'm':
        tree.relocate(line[1], line[2], line[3]);
        tree.resume(Math.max(tree.seq, line[3]));
        break;
      case 'r':
        this.#runs.push({ id: line[1], first: line[2], given: line[2] });
        break;
      case 's':
        if (last !== undefined) last.given = line[1];
        break;
      default:
        break;
    }
  }

  #refuse(tree: ChangeTree, reason: string): boolean {
    this.#logger.warn(`the record of the change feed is not used: ${reason}; a new epoch begins`);
    this.#runs = [];
    tree.clear();
    return false;
  }
}

function freshHeader(): Header {
  return {
    epoch: randomBytes(9).toString('base64url'),
    key: randomBytes(32).toString('base64url'),
  };
}

function textOf(line: Line): string {
  const json = JSON.stringify(line);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

function parseLine(text: string): Line | null {
  const json = text.slice(9);
  if (crc32(json) !== Number.parseInt(text.slice(0, 8), 16)) return null;
  // The checksum is that of a line that this class wrote.
  return JSON.parse(json) as Line;
}

async function* linesOf(fd: number): AsyncIterable<string> {
  let rest = Buffer.alloc(0);
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await readAsync(
      fd,
      Buffer.alloc(READ_BYTES),
      0,
      READ_BYTES,
      position,
    );
    position += bytesRead;
    if (bytesRead === 0) break;
    let bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a)) {
      yield bytes.toString('utf8', 0, end);
      bytes = bytes.subarray(end + 1);
    }
    rest = bytes;
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

function ignoreMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
