import type { ContentHash, FileEntry } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import { ROOT, type SyncPath } from '../model/path.ts';
import {
  GROUP_BYTES,
  GROUP_FILE_BYTES,
  GROUP_FILES,
  type HashRequest,
  type Replica,
} from '../ports.ts';
import { hashOf } from '../transfer/verified-stream.ts';

type Answer = ContentHash | FerryError;

export interface HashGroupsOptions {
  readonly replica: Replica;
  /** The contents themselves are wanted here: what the side says of them is not believed. */
  readonly transfers: boolean;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

/** Small files of one side that are hashed where they are, group by group, the next one while the last is looked at. */
export class HashGroups {
  readonly #options: HashGroupsOptions;
  readonly #groups: Group[] = [];
  readonly #groupOf = new Map<SyncPath, number>();

  /** `files` are in the order in which they will be asked for. */
  constructor(files: readonly FileEntry[], options: HashGroupsOptions) {
    this.#options = options;
    const { hashMany, readMany } = options.replica;
    if ((options.transfers ? readMany : hashMany) === undefined) return;
    let bytes = 0;
    for (const file of files) {
      if (file.sizeBytes > GROUP_FILE_BYTES) continue;
      bytes += file.sizeBytes;
      let group = this.#groups.at(-1);
      if (!group || group.files.length >= GROUP_FILES || bytes > GROUP_BYTES) {
        group = { files: [], found: null };
        this.#groups.push(group);
        bytes = file.sizeBytes;
      }
      group.files.push(file);
      this.#groupOf.set(file.path, this.#groups.length - 1);
    }
  }

  /** Returns the file's hash; undefined when it is in no group. @throws FerryError when it could not be read */
  async hashOf(path: SyncPath): Promise<ContentHash | undefined> {
    const index = this.#groupOf.get(path);
    if (index === undefined) return undefined;
    const { found } = this.#begin(index);
    this.#begin(index + 1);
    const answer = (await found)?.get(path);
    if (answer instanceof FerryError) throw answer;
    return answer;
  }

  /** Begins a group unless that was done before. */
  #begin(index: number): Group {
    const group = this.#groups[index] ?? { files: [], found: null };
    if (group.files.length > 0) group.found ??= hashFiles(group.files, this.#options);
    return group;
  }
}

interface Group {
  readonly files: FileEntry[];
  found: Promise<ReadonlyMap<SyncPath, Answer>> | null;
}

/** Asks for the hashes of a group; never rejects. */
export async function hashFiles(
  files: readonly FileEntry[],
  { replica, transfers, signal, onBytes }: HashGroupsOptions,
): Promise<ReadonlyMap<SyncPath, Answer>> {
  const requests = files.map(
    ({ path, version, sizeBytes }): HashRequest => ({ path, expected: version, sizeBytes }),
  );
  const answers = new Map<SyncPath, Answer>();
  try {
    const hashes = transfers
      ? await hashesOfContents(replica, requests, { signal, onBytes })
      : ((await replica.hashMany?.(requests, { signal, onBytes })) ?? []);
    for (const [index, { path }] of files.entries())
      answers.set(path, hashes[index] ?? new FerryError('INTERNAL', `${path}: it was not hashed`));
  } catch (error) {
    for (const { path } of files) answers.set(path, toFerryError(error, path));
  }
  return answers;
}

async function hashesOfContents(
  replica: Replica,
  requests: readonly HashRequest[],
  { signal, onBytes }: Pick<HashGroupsOptions, 'signal' | 'onBytes'>,
): Promise<readonly Answer[]> {
  const results = (await replica.readMany?.(requests, { signal })) ?? [];
  return results.map((result, index): Answer => {
    if ('error' in result) return result.error;
    const { path = ROOT, sizeBytes = 0 } = requests[index] ?? {};
    const { content } = result;
    onBytes(content.length);
    return content.length === sizeBytes
      ? hashOf(content)
      : new FerryError('CHANGED', `${path}: it has another size by now`, { path });
  });
}
