import { constants } from 'node:fs';
import type { FuseOperations, FuseStat, FuseStatfs } from 'fuse-native';
import type { AttributeCondition } from '../cache/kept-attributes.ts';
import { PosixError } from '../cache/posix-error.ts';
import type { Calls } from './calls.ts';
import { errno } from './errno.ts';
import type { Attributes, MountedFiles, SpaceOnDrive } from './mount-backend.ts';

const BLOCK_BYTES = 512;
const IO_BYTES = 128 * 1024;
const UNCHANGED_OWNER = 0xffff_ffff;

/** Returns the drive's answers in fuse-native's shape. */
export function operationsOf(files: MountedFiles, calls: Calls): FuseOperations {
  return {
    ...treeOperations(files, calls),
    ...contentOperations(files, calls),
    ...metadataOperations(files, calls),
  };
}

type TreeOperation =
  | 'readdir'
  | 'readlink'
  | 'mknod'
  | 'mkdir'
  | 'symlink'
  | 'link'
  | 'unlink'
  | 'rmdir'
  | 'rename';

function treeOperations(files: MountedFiles, calls: Calls): Pick<FuseOperations, TreeOperation> {
  return {
    readdir: (path, done) =>
      calls.answer('readdir', done, () => ['.', '..', ...files.names(relative(path))]),
    readlink: (path, done) => calls.answer('readlink', done, () => files.readLink(relative(path))),
    mknod: (path, mode, _, done) =>
      calls.answer('mknod', done, () => {
        if ((mode & constants.S_IFMT) !== constants.S_IFREG)
          throw new PosixError('EPERM', 'a drive holds no devices, sockets and pipes');
        files.makeFile(relative(path), mode);
      }),
    mkdir: (path, mode, done) =>
      calls.answer('mkdir', done, () => files.makeDirectory(relative(path), mode)),
    symlink: (target, path, done) =>
      calls.answer('symlink', done, () => files.makeLink(relative(path), target)),
    link: (_, __, done) => done(errno('EPERM')),
    unlink: (path, done) => calls.answer('unlink', done, () => files.removeFile(relative(path))),
    rmdir: (path, done) => calls.answer('rmdir', done, () => files.removeDirectory(relative(path))),
    rename: (from, to, done) =>
      calls.answer('rename', done, () => files.rename(relative(from), relative(to))),
  };
}

type ContentOperation =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'truncate'
  | 'ftruncate'
  | 'flush'
  | 'fsync'
  | 'fsyncdir'
  | 'release';

function contentOperations(
  files: MountedFiles,
  calls: Calls,
): Pick<FuseOperations, ContentOperation> {
  const { O_ACCMODE, O_TRUNC, O_RDONLY } = { O_ACCMODE: 3, ...constants };
  return {
    open: (path, flags, done) =>
      calls.answer('open', done, () =>
        files.open(relative(path), {
          write: (flags & O_ACCMODE) !== O_RDONLY,
          // The kernel says where to append; it writes pages of mappings back through such a handle too.
          append: false,
          truncate: (flags & O_TRUNC) !== 0,
        }),
      ),
    create: (path, mode, done) =>
      calls.answer('create', done, () => files.create(relative(path), mode)),
    // The kernel's buffers are used only while the call is not answered, so that a late disk never writes into
    // memory that libfuse has given back.
    read: (_, handle, buffer, length, offset, done) =>
      calls.answer(
        'read',
        (result, bytes?: Buffer) => {
          bytes?.copy(buffer);
          done(result);
        },
        async () => {
          const bytes = Buffer.allocUnsafe(length);
          return bytes.subarray(0, await files.read(handle, bytes, offset));
        },
        (bytes) => bytes.length,
      ),
    write: (_, handle, buffer, length, offset, done) =>
      calls.answer(
        'write',
        done,
        () => files.write(handle, Buffer.from(buffer.subarray(0, length)), offset),
        (written) => written,
      ),
    truncate: (path, size, done) =>
      calls.answer('truncate', done, () => files.truncate(relative(path), size)),
    ftruncate: (_, handle, size, done) =>
      calls.answer('ftruncate', done, () => files.truncate(handle, size)),
    flush: (_, __, done) => calls.answer('flush', done, () => files.journal()),
    fsync: (_, __, handle, done) => calls.answer('fsync', done, () => files.sync(handle)),
    fsyncdir: (_, __, ___, done) => calls.answer('fsyncdir', done, () => files.syncTree()),
    release: (_, handle, done) => calls.answer('release', done, () => files.release(handle)),
  };
}

type MetadataOperation = Exclude<keyof FuseOperations, TreeOperation | ContentOperation>;

function metadataOperations(
  files: MountedFiles,
  calls: Calls,
): Pick<FuseOperations, MetadataOperation> {
  return {
    getattr: (path, done) =>
      calls.answer('getattr', done, () => statOf(files.attributes(relative(path)))),
    chmod: (path, mode, done) =>
      calls.answer('chmod', done, () => files.setMode(relative(path), mode)),
    chown: (path, uid, gid, done) =>
      calls.answer('chown', done, () => {
        files.attributes(relative(path));
        if (!(isOwner(uid, process.getuid?.()) && isOwner(gid, process.getgid?.())))
          throw new PosixError('EPERM', 'everything on a drive belongs to who mounted it');
      }),
    utimens: (path, _, mtimeMs, done) =>
      calls.answer('utimens', done, () => setModified(files, relative(path), mtimeMs)),
    statfs: (_, done) => calls.answer('statfs', done, async () => statfsOf(await files.space())),
    setxattr: (path, name, value, _, flags, done) =>
      calls.answer('setxattr', done, () =>
        // The bytes are only lent.
        files.setExtendedAttribute(relative(path), name, Buffer.from(value), conditionOf(flags)),
      ),
    getxattr: (_, __, ___, done) => done(errno('ENODATA')), // Answered by answerAttributes, as is listxattr.
    listxattr: (_, done) => done(0, []),
    removexattr: (path, name, done) =>
      calls.answer('removexattr', done, () => files.removeExtendedAttribute(relative(path), name)),
  };
}

/** XATTR_CREATE and XATTR_REPLACE of setxattr(2). */
function conditionOf(flags: number): AttributeCondition {
  if ((flags & 1) !== 0) return 'create';
  return (flags & 2) === 0 ? null : 'replace';
}

/** Sets a time that came in milliseconds; it says nothing new where the file's time is the same but for its finer part. */
function setModified(files: MountedFiles, path: string, mtimeMs: number): void {
  const { mtimeNs } = files.attributes(path);
  if (!Number.isSafeInteger(mtimeMs)) throw new PosixError('EINVAL', 'not a time');
  if (Number(mtimeNs / 1_000_000n) !== mtimeMs)
    files.setModified(path, BigInt(Math.trunc(mtimeMs)) * 1_000_000n);
}

function isOwner(wanted: number, own: number | undefined): boolean {
  return wanted === UNCHANGED_OWNER || own === undefined || wanted === own;
}

const NAME_BYTES = 255;
/** As many as one UTF-16 unit can need. */
const UTF8_BYTES = 3;

/** @throws PosixError ENAMETOOLONG, which libfuse leaves to its file systems to say. */
function relative(path: string): string {
  // Names on the way were looked up before, each as the last one.
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name.length * UTF8_BYTES > NAME_BYTES && Buffer.byteLength(name) > NAME_BYTES)
    throw new PosixError('ENAMETOOLONG', name);
  return path.slice(1);
}

function statOf(attributes: Attributes): FuseStat {
  // Times go through unsigned numbers; what was before 1970 would be shown in the far future.
  const mtime = Math.max(0, Number(attributes.mtimeNs / 1_000_000n));
  return {
    mode: attributes.format | attributes.mode,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size: attributes.sizeBytes,
    nlink: attributes.links,
    ino: attributes.inode,
    blksize: IO_BYTES,
    blocks: Math.ceil(attributes.storedBytes / BLOCK_BYTES),
    atime: mtime,
    mtime,
    ctime: Math.max(0, Number(attributes.ctimeNs / 1_000_000n)),
  };
}

const MAX_COUNT = 0xffff_ffff;

/** Counts are carried in 32 bits: the blocks grow with the drive until they fit. */
function statfsOf({ totalBytes, freeBytes }: SpaceOnDrive): FuseStatfs {
  let block = 4096;
  while (totalBytes / block > MAX_COUNT) block *= 2;
  const free = Math.floor(Math.min(freeBytes, totalBytes) / block);
  return {
    bsize: block,
    frsize: block,
    blocks: Math.floor(totalBytes / block),
    bfree: free,
    bavail: free,
    files: MAX_COUNT,
    ffree: MAX_COUNT,
    favail: MAX_COUNT,
    namemax: 255,
  };
}
