import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** Returns the name of a positive errno. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

/** Returns the error that node:fs would have made, with the path as the caller knows it. */
export function systemError(
  code: string,
  syscall: string,
  path: string,
  cause?: unknown,
): NodeJS.ErrnoException {
  const message = `${code}: ${syscall} ${JSON.stringify(path)}`;
  const error: NodeJS.ErrnoException = new Error(
    message,
    cause === undefined ? undefined : { cause },
  );
  error.code = code;
  const errno = (constants.errno as Readonly<Record<string, number>>)[code];
  if (errno !== undefined) error.errno = -errno;
  error.syscall = syscall;
  error.path = path;
  return error;
}

/** Returns the errno name of what node:fs or a SafeRoot threw, or undefined when it is something else. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
