import { close, constants, ftruncate, read, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Logger } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import type { GroupSync } from './group-sync.ts';

const readAsync = promisify(read);
const writeAsync = promisify(write);
const closeAsync = promisify(close);
const ftruncateAsync = promisify(ftruncate);

/** Dead properties of one resource: the whole element as XML, under its expanded name (`{namespace}name`). */
export type Properties = ReadonlyMap<string, string>;

const FOLDER = '.ferry/properties';
const JOURNAL = `${FOLDER}/journal.ndjson`;
const NONE: Properties = new Map();
/** Beyond this many lines, a journal with more dead lines than live ones is written anew. */
const COMPACT_LINES = 10_000;
const MAX_BYTES_PER_RESOURCE = 256 * 1024;

/** One line of the journal: what `path` has from now on; an empty list: nothing. */
type Line = readonly [path: string, properties: readonly (readonly [name: string, xml: string])[]];

/**
 * Properties that clients invented, kept beside the tree in one append-only journal of JSON lines and in memory, so
 * that a listing costs no look at the disk for them. A line that a crash cut short is dropped at the next start.
 */
export class PropertyStore {
  readonly #root: SafeRoot;
  readonly #sync: GroupSync;
  readonly #byPath = new Map<string, Properties>();
  #fd: number | null = null;
  #sizeBytes = 0;
  #lines = 0;
  #appending: Promise<void> = Promise.resolve();

  private constructor(root: SafeRoot, sync: GroupSync) {
    this.#root = root;
    this.#sync = sync;
  }

  static async open(
    root: SafeRoot,
    sync: GroupSync,
    options: { readonly readOnly: boolean; readonly logger: Logger },
  ): Promise<PropertyStore> {
    const store = new PropertyStore(root, sync);
    await store.#load(options);
    return store;
  }

  of(path: string): Properties {
    return this.#byPath.get(path) ?? NONE;
  }

  /** Replaces all properties of `path`; durable when it resolves. @throws ENOSPC when they are too many */
  async set(path: string, properties: Properties): Promise<void> {
    let bytes = 0;
    for (const [name, xml] of properties) bytes += name.length + xml.length;
    if (bytes > MAX_BYTES_PER_RESOURCE)
      throw Object.assign(new Error('too many properties'), { code: 'ENOSPC' });
    await this.#apply([[path, [...properties]]]);
  }

  /** Forgets the properties of `path` and of everything below it. */
  async forget(path: string): Promise<void> {
    await this.#apply(this.#within(path).map((key) => [key, []]));
  }

  /** Carries the properties of a moved tree along; those that were at the destination are gone. */
  async move(from: string, to: string): Promise<void> {
    await this.#carry(from, to, 'infinity', true);
  }

  /** Gives a copy the properties of its source. */
  async copy(from: string, to: string, depth: '0' | 'infinity'): Promise<void> {
    await this.#carry(from, to, depth, false);
  }

  async close(): Promise<void> {
    await this.#appending.catch(() => undefined); // whoever asked for the change has seen the failure
    if (this.#fd !== null) await closeAsync(this.#fd);
    this.#fd = null;
  }

  async #carry(from: string, to: string, depth: string, isMove: boolean): Promise<void> {
    if (this.#byPath.size === 0) return;
    const lines = new Map<string, Line>(this.#within(to).map((key) => [key, [key, []]]));
    const sources =
      depth === '0' ? [from].filter((key) => this.#byPath.has(key)) : this.#within(from);
    for (const source of sources) {
      const target = to + source.slice(from.length);
      lines.set(target, [target, [...this.of(source)]]);
      if (isMove) lines.set(source, [source, []]);
    }
    await this.#apply([...lines.values()]);
  }

  #within(path: string): readonly string[] {
    if (this.#byPath.size === 0) return [];
    return [...this.#byPath.keys()].filter((key) => key === path || key.startsWith(`${path}/`));
  }

  async #apply(lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return;
    for (const line of lines) this.#remember(line);
    const appended = this.#appending.catch(() => undefined).then(() => this.#append(lines));
    this.#appending = appended;
    await appended;
    if (this.#fd !== null) await this.#sync.file(this.#fd);
  }

  #remember([path, properties]: Line): void {
    if (properties.length === 0) this.#byPath.delete(path);
    else this.#byPath.set(path, new Map(properties));
  }

  async #append(lines: readonly Line[]): Promise<void> {
    this.#fd ??= await this.#openJournal();
    if (this.#lines > COMPACT_LINES && this.#lines > 2 * this.#byPath.size) await this.#compact();
    const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    try {
      for (let at = 0; at < text.length; )
        at += (await writeAsync(this.#fd, text, at, text.length - at, this.#sizeBytes + at))
          .bytesWritten;
    } catch (error) {
      // Half a line in the middle would make every later one unreadable.
      await ftruncateAsync(this.#fd, this.#sizeBytes);
      throw error;
    }
    this.#sizeBytes += text.length;
    this.#lines += lines.length;
  }

  async #compact(): Promise<void> {
    const fresh = `${JOURNAL}.new`;
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;
    const fd = await this.#root.open(fresh, flags, 0o600);
    let sizeBytes = 0;
    for (const [path, properties] of this.#byPath) {
      const line = Buffer.from(`${JSON.stringify([path, [...properties]])}\n`);
      await writeAsync(fd, line, 0, line.length, sizeBytes);
      sizeBytes += line.length;
    }
    await this.#sync.file(fd);
    await this.#root.rename(fresh, JOURNAL, 'replace');
    await this.#sync.directories(FOLDER);
    if (this.#fd !== null) await closeAsync(this.#fd);
    this.#fd = fd;
    this.#sizeBytes = sizeBytes;
    this.#lines = this.#byPath.size;
  }

  async #openJournal(): Promise<number> {
    await this.#root.makeDirectory(FOLDER, 0o700).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    const fd = await this.#root.open(JOURNAL, constants.O_RDWR | constants.O_CREAT, 0o600);
    await this.#sync.directories(FOLDER);
    return fd;
  }

  async #load({ readOnly, logger }: { readOnly: boolean; logger: Logger }): Promise<void> {
    if ((await this.#root.stat(JOURNAL)) === null) return;
    const fd = await this.#root.open(JOURNAL, readOnly ? constants.O_RDONLY : constants.O_RDWR);
    this.#fd = fd;
    const { sizeBytes } = await this.#root.statDescriptor(fd);
    const bytes = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes; ) {
      const { bytesRead } = await readAsync(fd, bytes, at, sizeBytes - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    for (let start = 0; ; ) {
      const end = bytes.indexOf(0x0a, start);
      const line = end < 0 ? null : parseLine(bytes.toString('utf8', start, end));
      if (line === null) {
        this.#sizeBytes = start;
        if (start === sizeBytes) return;
        logger.warn('property journal ends in a broken line; it was dropped');
        if (!readOnly) await ftruncateAsync(fd, start);
        return;
      }
      this.#remember(line);
      this.#lines++;
      start = end + 1;
    }
  }
}

function parseLine(text: string): Line | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || value.length !== 2) return null;
    const [path, properties] = value as [unknown, unknown];
    const isPair = (pair: unknown): pair is [string, string] =>
      Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string';
    if (typeof path !== 'string' || !Array.isArray(properties)) return null;
    return properties.every(isPair) ? [path, properties] : null;
  } catch {
    return null; // a cut line is expected after a crash
  }
}
