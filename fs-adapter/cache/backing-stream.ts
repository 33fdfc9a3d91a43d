import { read } from 'node:fs';
import { promisify } from 'node:util';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content, ReadOptions } from '../../core/ports.ts';
import type { BackingFiles } from './backing-files.ts';
import type { FileNode } from './drive-node.ts';

const readAt = promisify(read);
const CHUNK_BYTES = 256 * 1024;

export interface ContentRequest extends ReadOptions {
  readonly node: FileNode;
  readonly path: SyncPath;
  readonly backing: BackingFiles;
  readonly isStill: () => boolean;
}

/** Returns the content of a file that is here; the stream throws `CHANGED` unless it is still that version at its end. */
export function contentOf(request: ContentRequest): Content {
  const { node } = request;
  const { offset, length } = request.range ?? { offset: 0, length: node.sizeBytes };
  const end = Math.min(offset + length, node.sizeBytes);
  return { sizeBytes: node.sizeBytes, stream: chunks(request, offset, end) };
}

async function* chunks(
  request: ContentRequest,
  offset: number,
  end: number,
): AsyncIterable<Uint8Array> {
  const { node, path, backing, isStill, signal } = request;
  const isChanged = (): FerryError =>
    new FerryError('CHANGED', `${path}: it changed while it was read`, { path });
  throwIfAborted(signal);
  if (!isStill() || node.backing === null) throw isChanged();
  const fd = backing.openForRead(node.backing);
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
    backing.close(fd);
  }
}
