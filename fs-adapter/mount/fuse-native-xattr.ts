import type Fuse from 'fuse-native';
import { PosixError } from '../cache/posix-error.ts';
import type { Calls } from './calls.ts';
import type { MountedFiles } from './mount-backend.ts';

/**
 * Takes over `getxattr` and `listxattr`: fuse-native answers a buffer that is too small with a cut value and EIO, and
 * asks for more room than a list needs.
 */
export function answerAttributes(fuse: Fuse, files: MountedFiles, calls: Calls): void {
  fuse._op_getxattr = (signal, path, name, value) =>
    calls.answer<number>(
      'getxattr',
      (result) => signal(result, value.buffer as ArrayBuffer),
      () => {
        const found = files.extendedAttribute(path.slice(1), name);
        if (found === null) throw new PosixError('ENODATA', name);
        return put(found, value);
      },
      (length) => length,
    );
  fuse._op_listxattr = (signal, path, list) =>
    calls.answer<number>(
      'listxattr',
      (result) => signal(result, list.buffer as ArrayBuffer),
      () => {
        const names = files.extendedAttributes(path.slice(1));
        return put(Buffer.from(names.map((name) => `${name}\0`).join('')), list);
      },
      (length) => length,
    );
}

/** Returns how long the value is; a buffer of no length asks for that alone. */
function put(value: Uint8Array, target: Buffer): number {
  if (target.length === 0) return value.length; // The memory behind it was given back already.
  if (target.length < value.length) throw new PosixError('ERANGE', 'the buffer is too small');
  target.set(value);
  return value.length;
}
