import { promises as fs } from 'node:fs';
import { FerryError } from '../../core/model/errors.ts';

const FILE_MODE = 0o600;

/**
 * Fills a new backing file from a stream, makes it durable, and returns its own mtime in ns.
 * @throws REMOTE_PROTOCOL when the stream is shorter or longer than announced, LOCAL_NO_SPACE; nothing is left then
 */
export async function fillBacking(
  absolutePath: string,
  stream: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): Promise<bigint> {
  const file = await fs.open(absolutePath, 'wx', FILE_MODE);
  try {
    let written = 0;
    for await (const chunk of stream) {
      if (written + chunk.length > sizeBytes) throw wrongLength('longer', sizeBytes);
      for (let done = 0; done < chunk.length; )
        done += (await file.write(chunk, done, chunk.length - done, written + done)).bytesWritten;
      written += chunk.length;
    }
    if (written !== sizeBytes) throw wrongLength('shorter', sizeBytes);
    await file.datasync();
    return (await file.stat({ bigint: true })).mtimeNs;
  } catch (error) {
    await fs.rm(absolutePath, { force: true });
    throw isFull(error) ? noRoom(sizeBytes, error) : error;
  } finally {
    await file.close();
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function noRoom(sizeBytes: number, cause: unknown): FerryError {
  const message = `no room for ${sizeBytes} bytes in the drive's cache; free some space with ferry free`;
  return new FerryError('LOCAL_NO_SPACE', message, { cause });
}

function wrongLength(how: string, sizeBytes: number): FerryError {
  return new FerryError(
    'REMOTE_PROTOCOL',
    `the content is ${how} than the ${sizeBytes} bytes announced`,
  );
}
