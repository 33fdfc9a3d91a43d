import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FerryError } from '../../core/model/errors.ts';
import type { Content } from '../../core/ports.ts';
import { generatedBytes } from './generated-bytes.ts';

/** `silent`: nothing ever comes. `slow`: content comes in small pieces with pauses between them. */
export type Network = 'online' | 'offline' | 'silent' | 'slow';

const PIECE_BYTES = { online: 65_536, slow: 16_384 };
const PAUSE_MS = 2;

/** Returns the version of a file whose content is generated: it says all that the content is made of. */
export function generatedVersion(seed: number, sizeBytes: number): string {
  return `generated-${seed}-${sizeBytes}`;
}

/** The other side of a drive in a test: contents by version, and a network that can be spoiled. */
export class PretendedRemote {
  network: Network = 'online';
  /** Paths whose content was asked for, and how many bytes of it went out, since they were last taken. */
  readonly fetched: string[] = [];
  fetchedBytes = 0;
  readonly #contents = new Map<string, Buffer>();
  /** Contents are kept here, so that they outlive the process; null: in memory. */
  #directory: string | null = null;

  /** Returns what was fetched since the last call. */
  taken(): { readonly fetched: string[]; readonly fetchedBytes: number } {
    const { fetchedBytes } = this;
    this.fetchedBytes = 0;
    return { fetched: this.fetched.splice(0), fetchedBytes };
  }

  /** Keeps contents in files from now on; what is there from before is there again. */
  async keepIn(directory: string): Promise<void> {
    await fs.mkdir(directory, { recursive: true });
    this.#directory = directory;
  }

  async put(version: string, content: Buffer): Promise<void> {
    if (this.#directory === null) this.#contents.set(version, content);
    else await fs.writeFile(this.#fileOf(this.#directory, version), content);
  }

  async remove(version: string): Promise<void> {
    this.#contents.delete(version);
    if (this.#directory !== null)
      await fs.rm(this.#fileOf(this.#directory, version), { force: true });
  }

  /** Reads one version, or a part of it. @throws FerryError CHANGED when it is not there any more */
  async read(
    path: string,
    version: string,
    options: {
      readonly signal?: AbortSignal;
      readonly range?: { readonly offset: number; readonly length: number };
    } = {},
  ): Promise<Content> {
    const { signal, range } = options;
    if (this.network === 'offline') throw new FerryError('REMOTE_UNREACHABLE', 'offline');
    if (this.network === 'silent')
      await new Promise((_, reject) =>
        signal?.addEventListener('abort', () => reject(new FerryError('ABORTED', 'cancelled'))),
      );
    const { sizeBytes, slice } = await this.#find(path, version);
    this.fetched.push(path);
    const { offset, length } = range ?? { offset: 0, length: sizeBytes };
    const end = Math.min(sizeBytes, offset + length);
    return { sizeBytes, stream: this.#stream(slice, offset, end, signal) };
  }

  async #find(
    path: string,
    version: string,
  ): Promise<{ sizeBytes: number; slice: (offset: number, length: number) => Uint8Array }> {
    const generated = /^generated-(\d+)-(\d+)$/.exec(version);
    if (generated !== null)
      return {
        sizeBytes: Number(generated[2]),
        slice: (offset, length) => generatedBytes(Number(generated[1]), offset, length),
      };
    const content =
      this.#directory === null
        ? this.#contents.get(version)
        : await fs.readFile(this.#fileOf(this.#directory, version)).catch(() => undefined);
    if (content === undefined)
      throw new FerryError('CHANGED', `${path} is not ${version} any more`);
    return {
      sizeBytes: content.length,
      slice: (offset, length) => content.subarray(offset, offset + length),
    };
  }

  async *#stream(
    slice: (offset: number, length: number) => Uint8Array,
    from: number,
    end: number,
    signal: AbortSignal | undefined,
  ): AsyncIterable<Uint8Array> {
    for (let at = from; at < end; ) {
      signal?.throwIfAborted();
      const isSlow = this.network === 'slow';
      if (isSlow) await delay(PAUSE_MS);
      const piece = slice(at, Math.min(end - at, PIECE_BYTES[isSlow ? 'slow' : 'online']));
      this.fetchedBytes += piece.length;
      at += piece.length;
      yield piece;
    }
  }

  #fileOf(directory: string, version: string): string {
    return join(directory, encodeURIComponent(version));
  }
}
