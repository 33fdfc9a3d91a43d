import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { KeptBeginning } from '../../core/chunks.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { WriteItem } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/index.ts';
import { assemble } from './assemble.ts';
import { GatheredWriter } from './gathered-writer.ts';
import { claimPartial, keepPartial } from './partial-files.ts';

const readSome = promisify(fs.read);
const closeDescriptor = promisify(fs.close);
const truncate = promisify(fs.ftruncate);

const REREAD_BYTES = 1024 * 1024;
/** The transfer broke off, and what arrived of it is right. */
const BROKEN_OFF = new Set([
  'ABORTED',
  'REMOTE_UNREACHABLE',
  'REMOTE_UNAVAILABLE',
  'REMOTE_UNAUTHORIZED',
  'REMOTE_RATE_LIMITED',
]);

/** Where a large file is completed. */
export interface LargePlace {
  readonly stage: string;
  /** Where it will go, on the disk. */
  readonly real: string;
  /** Under which its beginning is kept when the transfer breaks off; null: it is not. */
  readonly key: string | null;
}

/**
 * Writes a large file's content into `stage` and runs `finish` with the open file: out of what is at its place now where
 * that spares a transfer, after what an earlier attempt left, or else all of it.
 */
export async function fillLarge<T>(
  root: SafeRoot,
  item: WriteItem,
  place: LargePlace,
  signal: AbortSignal,
  finish: (fd: number) => Promise<T>,
): Promise<T> {
  const { key, stage } = place;
  const { O_CREAT, O_RDWR } = fs.constants;
  const claimed = key === null ? 0 : await claimPartial(root, key, stage);
  // One that was complete is read to its end once more: only then is it known to be of that version still.
  const kept = Math.min(claimed, item.sizeBytes - 1);
  const fd = await root.open(
    stage,
    O_RDWR | O_CREAT | (claimed > 0 ? 0 : fs.constants.O_EXCL),
    0o600,
  );
  // What a recipe gave is only worth something when it was verified as a whole.
  let isReceived = false;
  try {
    if (claimed > kept) await truncate(fd, kept);
    isReceived = kept > 0 || !(await assemble(root, item, { ...place, fd }, signal));
    if (isReceived) await receive(root, item, { fd, kept }, signal);
    return await finish(fd);
  } catch (error) {
    const isWorthKeeping = isReceived && BROKEN_OFF.has(toFerryError(error).code);
    if (key !== null && isWorthKeeping) await keepPartial(root, key, stage);
    throw error;
  } finally {
    await closeDescriptor(fd);
  }
}

/** Writes what follows the first `keptBytes` bytes. */
async function receive(
  root: SafeRoot,
  item: WriteItem,
  { fd, kept: keptBytes }: { readonly fd: number; readonly kept: number },
  signal: AbortSignal,
): Promise<void> {
  const { sizeBytes } = item;
  const kept: KeptBeginning = {
    sizeBytes: keptBytes,
    read: () => beginning(fd, keptBytes, signal),
  };
  const stream =
    keptBytes > 0 && item.openAfter ? await item.openAfter(kept, signal) : await item.open(signal);
  const writer = new GatheredWriter(root, fd, keptBytes);
  let received = keptBytes;
  try {
    for await (const piece of stream) {
      throwIfAborted(signal);
      received += piece.length;
      if (received > sizeBytes) throw wrongLength(item, 'more than');
      await writer.add(piece);
    }
  } finally {
    await writer.end();
  }
  if (received !== sizeBytes) throw wrongLength(item, `${received} instead of`);
}

function wrongLength({ path, sizeBytes }: WriteItem, has: string): FerryError {
  return new FerryError(
    'LOCAL_IO',
    `${path}: its content has ${has} ${sizeBytes} bytes; it is tried again in the next run`,
    { path },
  );
}

async function* beginning(
  fd: number,
  length: number,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for (let at = 0; at < length; ) {
    throwIfAborted(signal);
    const piece = Buffer.allocUnsafe(Math.min(REREAD_BYTES, length - at));
    const { bytesRead } = await readSome(fd, piece, 0, piece.length, at);
    if (bytesRead === 0) return; // the length of the whole will not be right
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
