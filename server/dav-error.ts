/** Preconditions and postconditions that RFC 4918 and RFC 4331 name; clients read them from the error's body. */
export type DavCondition =
  | 'cannot-modify-protected-property'
  | 'lock-token-matches-request-uri'
  | 'lock-token-submitted'
  | 'no-conflicting-lock'
  | 'no-external-entities'
  | 'sufficient-disk-space'
  | 'supported-report'
  | 'valid-resourcetype'
  | 'valid-sync-token';

/** What an error says besides its status and text. */
export interface DavErrorOptions {
  readonly condition?: DavCondition;
  /** Paths that the condition is about. */
  readonly paths?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Ends a request with an HTTP status; the message goes to the client, so it names nothing outside the served tree. */
export class DavError extends Error {
  override readonly name = 'DavError';
  readonly status: number;
  readonly condition: DavCondition | undefined;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, options: DavErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.condition = options.condition;
    this.paths = options.paths ?? [];
    this.headers = options.headers ?? {};
  }
}

const STATUS_BY_ERRNO: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  ENOENT: [404, 'nothing is there'],
  ENOTDIR: [409, 'a parent is not a collection'],
  EEXIST: [405, 'something is there already'],
  EISDIR: [405, 'it is a collection'],
  ENOTEMPTY: [409, 'the collection is not empty'],
  EACCES: [403, 'the server may not access it'],
  EPERM: [403, 'the server may not change it'],
  EROFS: [403, 'the file system is read-only'],
  ELOOP: [403, 'a symbolic link is in the way, and links are not followed'],
  EXDEV: [403, 'it crosses a file system boundary'],
  ENAMETOOLONG: [400, 'the name is too long for the file system'],
  EINVAL: [400, 'the file system does not accept the name'],
  EILSEQ: [400, 'the file system does not accept the name'],
  ENOSPC: [507, 'no space is left on the server'],
  EDQUOT: [507, 'the disk quota on the server is used up'],
  EFBIG: [507, 'the file is too large for the file system'],
  EMFILE: [503, 'the server has too many files open, try again'],
  ENFILE: [503, 'the server has too many files open, try again'],
  EBUSY: [503, 'it is in use on the server, try again'],
};

/** Returns the errno name of a failed system call; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  // Not `instanceof Error`: errors of node:fs may come from another realm than this module.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Returns what `error` means to the client that tried `action` on `path`; unknown errors become a bare 500. */
export function toDavError(error: unknown, path: string, action: string): DavError {
  if (error instanceof DavError) return error;
  const known = STATUS_BY_ERRNO[errnoOf(error) ?? ''];
  if (known === undefined)
    return new DavError(500, `${action} /${path} failed: internal error, see the server's log`, {
      cause: error,
    });
  const [status, reason] = known;
  return new DavError(status, `${action} /${path} failed: ${reason}`, {
    cause: error,
    ...(status === 507 ? { condition: 'sufficient-disk-space' as const } : {}),
  });
}
