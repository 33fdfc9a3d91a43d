import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import type { Publication } from './publish.ts';

/** Times are kept as 64-bit nanoseconds: from 1677 to 2262. */
const MAX_NS = 2n ** 63n - 1n;

const SECONDS = /^(-?)(\d{1,11})(?:\.(\d{1,9})\d*)?$/;

/** Returns the time of an `X-OC-Mtime` header, seconds since 1970 with up to nine decimals. @throws DavError 400 */
export function requestedMtimeNs(header: string | undefined): bigint | undefined {
  if (header === undefined) return undefined;
  const parts = SECONDS.exec(header.trim());
  if (parts === null) throw new DavError(400, 'X-OC-Mtime is a number of seconds since 1970');
  const [, sign, seconds = '', decimals = ''] = parts;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(decimals.padEnd(9, '0'));
  if (!isKeepableTime(ns)) throw new DavError(400, 'X-OC-Mtime is out of range');
  return sign === '-' ? -ns : ns;
}

/** Tells whether a file system can be asked to keep that time. */
export function isKeepableTime(ns: bigint): boolean {
  return -MAX_NS <= ns && ns <= MAX_NS;
}

/** Returns the permission bits of a `Ferry-Mode` header, octal, without set-id and sticky bits. @throws DavError 400 */
export function requestedMode(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (!/^0?[0-7]{3,4}$/.test(header.trim()))
    throw new DavError(400, 'Ferry-Mode is an octal number such as 0755');
  return Number.parseInt(header.trim(), 8) & 0o777;
}

/** Returns what the request sets on the file that it stores. @throws DavError 400 */
export function attributesOf(exchange: Exchange): Publication {
  const mtimeNs = requestedMtimeNs(exchange.header('x-oc-mtime'));
  return { mtimeNs, mode: requestedMode(exchange.header('ferry-mode')) };
}
