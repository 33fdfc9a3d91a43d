import { crc32 } from 'node:zlib';
import type { Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Replica, WriteItem } from '../../core/ports.ts';
import { generatedVersion, type PretendedRemote } from './pretended-remote.ts';

/** A file of the pretended other side, of any size. */
export interface GeneratedFile {
  readonly path: string;
  readonly seed: number;
  readonly sizeBytes: number;
}

/** A file that was uploaded, and what the other side got. */
export interface UploadedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** What is given up stays for so many more: programs may have files open that have lost their name and are not all here. */
const KEPT_VERSIONS = 500;

/** Keeps the pretended other side in step with a drive, as records would: what it has is not uploaded again. */
export class UploadsInStep {
  readonly #remote: PretendedRemote;
  /** By identity: the version that the drive has, and the one that the other side keeps it as. */
  readonly #known = new Map<string, { readonly own: string; readonly kept: string }>();
  /** By identity: what the drive may refer to instead, as a program has changed something while it was uploaded. */
  readonly #doubtful = new Map<string, string[]>();
  readonly #givenUp: string[] = [];

  #turn: Promise<unknown> = Promise.resolve();

  constructor(remote: PretendedRemote) {
    this.#remote = remote;
  }

  /** Puts files on the other side and tells the drive; returns the code of each path that it did not take. */
  arrive(replica: Replica, files: readonly GeneratedFile[]): Promise<Record<string, string>> {
    const done = this.#turn.then(() => this.#arrive(replica, files));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #arrive(
    replica: Replica,
    files: readonly GeneratedFile[],
  ): Promise<Record<string, string>> {
    const refused: Record<string, string> = {};
    const items: WriteItem[] = [];
    for (const { path, seed, sizeBytes } of files) {
      const at = parseSyncPath(path);
      try {
        const expected = (await replica.stat(at))?.version ?? 'absent';
        const sourceVersion = generatedVersion(seed, sizeBytes) as Version;
        items.push({ path: at, expected, sizeBytes, sourceVersion, open: noContent });
      } catch (error) {
        if (!(error instanceof FerryError)) throw error;
        refused[path] = error.code;
      }
    }
    for await (const group of replica.writeMany(items))
      for (const result of group)
        if ('error' in result) refused[result.item.path] = result.error.code;
        else {
          const { version, identity = result.item.path } = result.entry;
          await this.#keepOnly(identity, { own: version, kept: result.item.sourceVersion });
        }
    return refused;
  }

  /** Uploads every file that is not as the other side has it; leaves out what a program is writing. One at a time. */
  upload(replica: Replica): Promise<readonly UploadedFile[]> {
    const done = this.#turn.then(() => this.#upload(replica));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #upload(replica: Replica): Promise<readonly UploadedFile[]> {
    const changed: { path: string; version: Version; identity: string }[] = [];
    for await (const batch of replica.observe())
      for (const one of batch) {
        if (one.type === 'problem' || one.entry.kind !== 'file') continue;
        const { path, version, identity = path } = one.entry;
        if (this.#known.get(identity)?.own !== version) changed.push({ path, version, identity });
      }
    const uploaded: UploadedFile[] = [];
    for (const { path, version, identity } of changed) {
      const content = await contentOf(replica, path, version);
      if (content === null) continue;
      await this.#remote.put(version, content);
      await replica.noteCounterpart?.(parseSyncPath(path), version, version);
      const isNoted = (await this.#versionAt(replica, path)) === version;
      if (isNoted) await this.#keepOnly(identity, { own: version, kept: version });
      else this.#doubtful.set(identity, [...(this.#doubtful.get(identity) ?? []), version]);
      uploaded.push({ path, sizeBytes: content.length, crc32: crc32(content) });
    }
    await replica.flush();
    return uploaded;
  }

  /** Gives up what the other side had before: it keeps the newest version only. */
  async #keepOnly(
    identity: string,
    now: { readonly own: string; readonly kept: string },
  ): Promise<void> {
    const before = this.#known.get(identity);
    this.#known.set(identity, now);
    const doubtful = this.#doubtful.get(identity) ?? [];
    this.#doubtful.delete(identity);
    for (const version of before === undefined ? doubtful : [before.kept, ...doubtful])
      if (version !== now.kept) this.#givenUp.push(version);
    const tooMany = Math.max(0, this.#givenUp.length - KEPT_VERSIONS);
    for (const version of this.#givenUp.splice(0, tooMany)) await this.#remote.remove(version);
  }

  /** Null: nothing is there, or it is in the middle of a change. */
  async #versionAt(replica: Replica, path: string): Promise<string | null> {
    try {
      return (await replica.stat(parseSyncPath(path)))?.version ?? null;
    } catch (error) {
      if (error instanceof FerryError) return null;
      throw error;
    }
  }
}

/** Null when the file is not at that version any more, or not closed yet. */
async function contentOf(
  replica: Replica,
  path: string,
  expected: Version,
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  try {
    const content = await replica.read(parseSyncPath(path), { expected });
    for await (const chunk of content.stream) chunks.push(chunk);
  } catch (error) {
    if (error instanceof FerryError && NOT_NOW.includes(error.code)) return null;
    throw error;
  }
  return Buffer.concat(chunks);
}

const noContent = (): Promise<never> => Promise.reject(new Error('a placeholder needs no content'));
/** A program has the file open, or has changed, moved or removed it meanwhile. */
const NOT_NOW = ['CHANGED', 'LOCAL_BUSY', 'LOCAL_NOT_FOUND'];
