import { closeSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content, ReadOptions } from '../../core/ports.ts';

const readAt = promisify(read);
const CHUNK_BYTES = 256 * 1024;

export interface BackedContent extends Pick<ReadOptions, 'range' | 'signal'> {
  readonly path: SyncPath;
  readonly sizeBytes: number;
  /** Null: there is no content. */
  readonly backingPath: string | null;
  readonly isStill: () => boolean;
}

/** Returns the content of a file that is here; the stream throws `CHANGED` unless it is still that version at its end. */
export function contentOf(content: BackedContent): Content {
  const { sizeBytes } = content;
  const { offset, length } = content.range ?? { offset: 0, length: sizeBytes };
  return { sizeBytes, stream: chunks(content, offset, Math.min(offset + length, sizeBytes)) };
}

async function* chunks(
  { path, backingPath, isStill, signal }: BackedContent,
  offset: number,
  end: number,
): AsyncIterable<Uint8Array> {
  const isChanged = (): FerryError =>
    new FerryError('CHANGED', `${path}: it changed while it was read`, { path });
  throwIfAborted(signal);
  if (!isStill()) throw isChanged();
  if (backingPath === null) return;
  const fd = openSync(backingPath, 'r');
  try {
    for (let position = offset; position < end; ) {
      const size = Math.min(CHUNK_BYTES, end - position);
      const { bytesRead, buffer } = await readAt(fd, Buffer.allocUnsafe(size), 0, size, position);
      throwIfAborted(signal);
      if (bytesRead === 0 || !isStill()) throw isChanged();
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
    if (!isStill()) throw isChanged();
  } finally {
    closeSync(fd);
  }
}
