import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import {
  GROUP_BYTES,
  GROUP_FILE_BYTES,
  GROUP_FILES,
  type Replica,
  type WriteItem,
  type WriteOptions,
} from '../../core/ports.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';

type Singles = Pick<Replica, 'read' | 'makeDirectory' | 'remove'>;
export type GroupMethods = Required<
  Pick<Replica, 'readMany' | 'hashMany' | 'makeDirectories' | 'removeMany'>
>;

/** Returns methods for groups that do one thing after the other, for sides where that costs nothing. */
export function groupMethods(singles: Singles): GroupMethods {
  const read = async (
    { path, expected }: Parameters<GroupMethods['readMany']>[0][number],
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = [];
    const content = await singles.read(path, signal ? { expected, signal } : { expected });
    for await (const piece of content.stream) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return {
    readMany: (requests, { signal } = {}) =>
      Promise.all(
        requests.map(async (request) => {
          const content = await answered(request.path, () => read(request, signal));
          return content instanceof FerryError ? { error: content } : { content };
        }),
      ),
    hashMany: (requests, { signal, onBytes } = {}) =>
      inTurn(requests, signal, async (request) => {
        const content = await read(request, signal);
        onBytes?.(content.length);
        return hashOf(content);
      }),
    makeDirectories: (items, { signal } = {}) =>
      inTurn(items, signal, ({ path, ...rest }) => singles.makeDirectory(path, rest)),
    removeMany: (items, { signal } = {}) =>
      inTurn(items, signal, async ({ path, ...rest }) => {
        await singles.remove(path, rest);
        return null;
      }),
  };
}

async function answered<R>(path: SyncPath, work: () => Promise<R>): Promise<R | FerryError> {
  try {
    return await work();
  } catch (error) {
    return toFerryError(error, path);
  }
}

async function inTurn<T extends { readonly path: SyncPath }, R>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<R>,
): Promise<readonly (R | FerryError)[]> {
  const answers: (R | FerryError)[] = [];
  for (const item of items) {
    throwIfAborted(signal);
    answers.push(await answered(item.path, () => work(item)));
  }
  return answers;
}

/** An item to write, and the same one with its content read already, if it could be. */
export interface ReadItem {
  readonly item: WriteItem;
  readonly read: WriteItem;
}

/** Reads the contents of small items in one step where their source can, so that `open` gives what was read. */
export async function readBeforehand(
  items: readonly WriteItem[],
  { contents, signal }: WriteOptions,
): Promise<readonly ReadItem[]> {
  if (contents === undefined) return items.map((item) => ({ item, read: item }));
  let bytes = 0;
  const isInGroup = ({ sizeBytes }: WriteItem, index: number): boolean => {
    if (sizeBytes > GROUP_FILE_BYTES || index >= GROUP_FILES) return false;
    bytes += sizeBytes;
    return bytes <= GROUP_BYTES;
  };
  const group = items.filter(isInGroup);
  const found = group.length === 0 ? [] : await contents(group, signal);
  const byItem = new Map(group.map((item, index) => [item, found[index]]));
  return items.map((item) => {
    const content = byItem.get(item);
    return { item, read: content === undefined ? item : { ...item, open: () => opened(content) } };
  });
}

async function opened(content: Uint8Array | FerryError): Promise<AsyncIterable<Uint8Array>> {
  if (content instanceof FerryError) throw content;
  return (async function* () {
    if (content.length > 0) yield content;
  })();
}
