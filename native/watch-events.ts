import { endianness } from 'node:os';
import { decodeName } from './packed-stat.ts';

/** Bits of an event's mask; inotify(7). */
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ISDIR: 0x40000000,
} as const;

/** One event as the kernel queued it. */
export interface RawEvent {
  readonly watch: number;
  readonly mask: number;
  /** The same for both halves of a rename; else 0. */
  readonly cookie: number;
  /** Empty: it is about the watched directory itself; null: not UTF-8. */
  readonly name: string | null;
}

const HEAD_BYTES = 16;

/** Yields the events of one read, in their order. */
export function* rawEvents(bytes: Buffer): Generator<RawEvent, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = endianness() === 'LE';
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const nameBytes = view.getUint32(at + 12, isLittle);
    const start = at + HEAD_BYTES;
    const padded = bytes.subarray(start, start + nameBytes);
    const end = padded.indexOf(0);
    yield {
      watch: view.getInt32(at, isLittle),
      mask: view.getUint32(at + 4, isLittle),
      cookie: view.getUint32(at + 8, isLittle),
      name: decodeName(end < 0 ? padded : padded.subarray(0, end)).name,
    };
    at = start + nameBytes;
  }
}
