import { createWriteStream, type WriteStream } from 'node:fs';
import { FerryError } from '../core/model/errors.ts';
import type { Logger } from '../core/ports.ts';
import type { RequestRecord } from './request-record.ts';

/** So much waits for a slow disk; lines beyond it are dropped and counted, as requests must not wait for a log. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** One line of JSON for each request. */
export interface AccessLog {
  note(record: RequestRecord): void;
  /** Goes on in a new file of the same name: the old one was moved away. */
  reopen(): void;
  /** Resolves when everything noted has been written. */
  close(): Promise<void>;
}

/** Returns the line of a request. It has no header and no query: what is secret stands only there. */
export function accessLine(record: RequestRecord): string {
  const { startedAtMs, user, tokenId, address, method, path, status, isComplete } = record;
  const line = {
    time: new Date(startedAtMs).toISOString(),
    user: user === '' ? null : user,
    token: tokenId,
    address,
    method,
    path,
    status,
    ...(isComplete ? {} : { cut: true }),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    ms: Math.round(record.durationMs * 10) / 10,
  };
  return `${JSON.stringify(line)}\n`;
}

/** Returns a log that goes to `write`, such as standard output. */
export function writtenAccessLog(write: (line: string) => unknown): AccessLog {
  return {
    note: (record) => {
      write(accessLine(record));
    },
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Opens a log in a file, to which it is appended. @throws FerryError LOCAL_PERMISSION when it cannot be opened */
export async function openAccessLog(absolutePath: string, logger: Logger): Promise<AccessLog> {
  const fail = (error: unknown): void =>
    logger.error('the access log cannot be written', { error: String(error) });
  let stream = openStream(absolutePath);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (cause) =>
      reject(
        new FerryError('LOCAL_PERMISSION', `the access log cannot be opened: ${cause.message}`, {
          path: absolutePath,
          cause,
        }),
      ),
    );
  });
  stream.on('error', fail);
  let dropped = 0;
  return {
    note: (record) => {
      if (stream.writableLength > MAX_WAITING_BYTES || stream.destroyed) {
        dropped++;
        return;
      }
      if (dropped > 0) stream.write(`${JSON.stringify({ dropped })}\n`);
      dropped = 0;
      stream.write(accessLine(record));
    },
    reopen: () => {
      stream.end();
      stream = openStream(absolutePath).on('error', fail);
    },
    close: () =>
      new Promise((resolve) => {
        if (stream.destroyed) resolve();
        else stream.once('close', resolve).end();
      }),
  };
}

function openStream(absolutePath: string): WriteStream {
  return createWriteStream(absolutePath, { flags: 'a', mode: 0o640 });
}
