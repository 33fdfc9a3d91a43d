import type { NodeStat } from '../native/safe-root.ts';

/**
 * Returns the strong ETag of a file's state, with its quotes. Every write of this server makes a new inode, and
 * every edit in place moves ctime, which no program can set back.
 */
export function etagOf(stat: NodeStat): string {
  const { ino, sizeBytes, mtimeNs, ctimeNs } = stat;
  return `"${ino.toString(36)}-${sizeBytes.toString(36)}-${mtimeNs.toString(36)}-${ctimeNs.toString(36)}"`;
}

/** Returns the size of the state that an ETag of ours names; null when it is none. */
export function sizeInEtag(etag: string): number | null {
  const size = /^"[0-9a-z]+-([0-9a-z]{1,11})-/.exec(etag)?.[1];
  return size === undefined ? null : Number.parseInt(size, 36);
}

/**
 * Returns a name of the resource that survives renames: inode and birth time. The device's number is not in it, as
 * that may be another one after a restart of the machine.
 */
export function fileIdOf(stat: NodeStat): string {
  return `${stat.ino.toString(36)}-${stat.birthtimeNs.toString(36)}`;
}

/** Tells whether both describe the same content of the same file; ctime is left out, as a rename moves it. */
export function isSameContent(one: NodeStat, other: NodeStat): boolean {
  return (
    one.ino === other.ino &&
    one.dev === other.dev &&
    one.sizeBytes === other.sizeBytes &&
    one.mtimeNs === other.mtimeNs
  );
}

/** Returns the time as an HTTP date, cut to whole seconds. */
export function httpDate(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toUTCString();
}

/** Returns seconds since 1970 of an HTTP date in any of its three forms; null when it is none. */
export function parseHttpDate(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000);
}

/** Returns the entity tags of an `If-Match`-like header; `*` stands for itself; null when it is malformed. */
export function parseEtagList(header: string): readonly string[] | '*' | null {
  if (header.trim() === '*') return '*';
  const item = /\s*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)/y;
  const tags: string[] = [];
  while (item.lastIndex < header.length) {
    const found = item.exec(header)?.[1];
    if (found === undefined) return null;
    tags.push(found);
  }
  return tags.length === 0 ? null : tags;
}
