/** The part of fuse-native 2.2.6 that Ferry uses. */
declare module 'fuse-native' {
  type Done = (error: number) => void;

  export interface FuseStat {
    mode: number;
    uid: number;
    gid: number;
    size: number;
    nlink: number;
    ino: number;
    blksize: number;
    blocks: number;
    atime: number;
    mtime: number;
    ctime: number;
  }

  export interface FuseStatfs {
    bsize: number;
    frsize: number;
    blocks: number;
    bfree: number;
    bavail: number;
    files: number;
    ffree: number;
    favail: number;
    namemax: number;
  }

  /** `done` takes a negative errno or 0; for `read` and `write` a number of bytes. */
  export interface FuseOperations {
    getattr(path: string, done: (error: number, stat?: FuseStat) => void): void;
    readdir(path: string, done: (error: number, names?: string[]) => void): void;
    readlink(path: string, done: (error: number, target?: string) => void): void;
    open(path: string, flags: number, done: (error: number, handle?: number) => void): void;
    create(path: string, mode: number, done: (error: number, handle?: number) => void): void;
    read(
      path: string,
      handle: number,
      buffer: Buffer,
      length: number,
      offset: number,
      done: Done,
    ): void;
    write(
      path: string,
      handle: number,
      buffer: Buffer,
      length: number,
      offset: number,
      done: Done,
    ): void;
    truncate(path: string, size: number, done: Done): void;
    ftruncate(path: string, handle: number, size: number, done: Done): void;
    flush(path: string, handle: number, done: Done): void;
    fsync(path: string, datasync: number, handle: number, done: Done): void;
    fsyncdir(path: string, datasync: number, handle: number, done: Done): void;
    release(path: string, handle: number, done: Done): void;
    mknod(path: string, mode: number, device: number, done: Done): void;
    mkdir(path: string, mode: number, done: Done): void;
    symlink(target: string, path: string, done: Done): void;
    link(from: string, to: string, done: Done): void;
    unlink(path: string, done: Done): void;
    rmdir(path: string, done: Done): void;
    rename(from: string, to: string, done: Done): void;
    chmod(path: string, mode: number, done: Done): void;
    chown(path: string, uid: number, gid: number, done: Done): void;
    utimens(path: string, atimeMs: number, mtimeMs: number, done: Done): void;
    statfs(path: string, done: (error: number, statfs?: FuseStatfs) => void): void;
    setxattr(
      path: string,
      name: string,
      value: Buffer,
      position: number,
      flags: number,
      done: Done,
    ): void;
    getxattr(
      path: string,
      name: string,
      position: number,
      done: (error: number, value?: Buffer | null) => void,
    ): void;
    listxattr(path: string, done: (error: number, names?: string[]) => void): void;
    removexattr(path: string, name: string, done: Done): void;
  }

  export interface FuseOptions {
    timeout: false;
    fsname: string;
    subtype: string;
    defaultPermissions: boolean;
    allowOther: boolean;
  }

  type NativeHandler = (locals: Buffer, operation: number, ...rest: unknown[]) => void;

  export default class Fuse {
    static unmount(mountPoint: string, done: (error: Error | null) => void): void;
    constructor(mountPoint: string, operations: FuseOperations, options: FuseOptions);
    mount(done: (error: Error | null) => void): void;
    unmount(done: (error: Error | null) => void): void;
    /** By operation number; the native side takes them over when it mounts. */
    readonly _handlers: NativeHandler[];
    _op_getxattr(
      signal: (result: number, memory: ArrayBuffer) => void,
      path: string,
      name: string,
      value: Buffer,
      position: number,
    ): void;
    _op_listxattr(
      signal: (result: number, memory: ArrayBuffer) => void,
      path: string,
      list: Buffer,
    ): void;
  }
}
