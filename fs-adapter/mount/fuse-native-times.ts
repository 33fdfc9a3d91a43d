import type Fuse from 'fuse-native';

/** Number of the operation in fuse-native 2.2.6 (fuse-native.c, `op_utimens`). */
const UTIMENS = 12;

/**
 * Where `atime` is in `fuse_thread_locals_t`, in milliseconds as a 64-bit number; `mtime` follows it. The structure
 * differs in the widths of `mode_t` and `dev_t`.
 */
const ATIME_OFFSET: Partial<Record<NodeJS.Platform, number>> = { linux: 104, darwin: 96 };

const WORD_BYTES = 8;
const HIGH = 2 ** 32;

/**
 * Corrects what fuse-native 2.2.6 hands to `utimens`: it gives the access time twice, and the modification time is
 * lost. Both are in the call's own record, which JavaScript gets as a buffer; there the right one is taken from.
 * The neighbour must be the access time that was handed over, else the call is left as it is.
 */
export function correctTimes(fuse: Fuse): void {
  const original = fuse._handlers[UTIMENS];
  const offset = ATIME_OFFSET[process.platform];
  if (original === undefined || offset === undefined) return;
  fuse._handlers[UTIMENS] = (locals, operation, path, atimeLow, atimeHigh, ...wrong) => {
    const atime = (atimeLow as number) + (atimeHigh as number) * HIGH;
    const mtime = modifiedIn(locals, offset, atime);
    if (mtime === null) return original(locals, operation, path, atimeLow, atimeHigh, ...wrong);
    const high = Math.floor(mtime / HIGH);
    original(locals, operation, path, atimeLow, atimeHigh, mtime - high * HIGH, high);
  };
}

function modifiedIn(locals: Buffer, offset: number, atime: number): number | null {
  if (locals.length < offset + 2 * WORD_BYTES) return null;
  if (locals.readBigUInt64LE(offset) !== BigInt(atime)) return null;
  return Number(locals.readBigInt64LE(offset + WORD_BYTES));
}
