import { constants } from 'node:fs';

import type {
  DirectoryItem,
  DirectoryListing,
  Failure,
  HashedFile,
  NodeStat,
  SmallFile,
  SurveyRequest,
} from './safe-root.ts';
import { errnoName } from './system-error.ts';

const KIND_BY_TYPE: ReadonlyMap<number, NodeStat['kind']> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
]);

/** Returns what the type bits of a mode mean. */
export function kindOfMode(mode: number): NodeStat['kind'] {
  return KIND_BY_TYPE.get(mode & constants.S_IFMT) ?? 'other';
}

/** Reads packed words one after the other; the layout is in listing.hh. */
class WordReader {
  readonly #words: BigInt64Array;
  readonly #halves: Uint32Array;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(packed: ArrayBuffer) {
    this.#words = new BigInt64Array(packed);
    this.#halves = new Uint32Array(packed);
    this.#bytes = Buffer.from(packed);
  }

  pair(): readonly [number, number] {
    const at = this.#at++ * 2;
    return [this.#halves[at] ?? 0, this.#halves[at + 1] ?? 0];
  }

  word(): bigint {
    return this.#words[this.#at++] ?? 0n;
  }

  bytes(length: number): Buffer {
    const start = this.#at * 8;
    this.#at += Math.ceil(length / 8);
    return this.#bytes.subarray(start, start + length);
  }

  record(): { readonly stat: NodeStat; readonly errno: number; readonly nameBytes: number } {
    const dev = this.word();
    const ino = BigInt.asUintN(64, this.word());
    const sizeBytes = Number(this.word());
    const mtimeNs = this.word();
    const ctimeNs = this.word();
    const birthtimeNs = this.word();
    const [mode, links] = this.pair();
    const [errno, nameBytes] = this.pair();
    const kind = kindOfMode(mode);
    return {
      stat: {
        kind,
        dev,
        ino,
        sizeBytes,
        mtimeNs,
        ctimeNs,
        birthtimeNs,
        mode: mode & 0o7777,
        links,
      },
      errno,
      nameBytes,
    };
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the two forms of a name that DirectoryItem has. */
export function decodeName(bytes: Buffer): Pick<DirectoryItem, 'name' | 'rawName'> {
  const name = bytes.toString('utf8');
  const isReplaced = name.includes('\uFFFD');
  if (!isReplaced && name.length === bytes.length) return { name, rawName: name }; // ASCII, as nearly all are
  const rawName = bytes.toString('latin1');
  if (!isReplaced) return { name, rawName };
  try {
    return { name: strictUtf8.decode(bytes), rawName };
  } catch {
    return { name: null, rawName }; // the bytes are not UTF-8
  }
}

/** Reads the record of one node. */
export function unpackStat(packed: ArrayBuffer): NodeStat {
  return new WordReader(packed).record().stat;
}

/** Reads the records of a group, each of a node or of why there is none. */
export function unpackStats(packed: ArrayBuffer, count: number): readonly (NodeStat | Failure)[] {
  const reader = new WordReader(packed);
  return Array.from({ length: count }, () => {
    const { stat, errno } = reader.record();
    return errno === 0 ? stat : { errno: errnoName(errno) };
  });
}

/** Reads a group of files; the layout is in group-files.hh. */
export function unpackSmallFiles(
  packed: ArrayBuffer,
  contents: Uint8Array,
  count: number,
): readonly (SmallFile | Failure)[] {
  const reader = new WordReader(packed);
  let start = 0;
  return Array.from({ length: count }, () => {
    const { stat: before, errno } = reader.record();
    if (errno !== 0) return { errno: errnoName(errno) };
    const after = reader.word() === 1n ? before : reader.record().stat;
    const length = Number(reader.word());
    if (length < 0) return { before, after, content: null };
    start += length;
    return { before, after, content: contents.subarray(start - length, start) };
  });
}

function fingerprintText(low: bigint, high: bigint): string {
  return `${BigInt.asUintN(64, high).toString(36)}-${BigInt.asUintN(64, low).toString(36)}`;
}

const FINGERPRINT = /^[0-9a-z]{1,13}-[0-9a-z]{1,13}$/;

/** Returns two words for each request: the known fingerprint, or zeros. */
export function packFingerprints(requests: readonly SurveyRequest[]): BigUint64Array {
  const words = new BigUint64Array(requests.length * 2);
  for (const [index, { known }] of requests.entries()) {
    if (known === undefined || !FINGERPRINT.test(known)) continue;
    const [high = '', low = ''] = known.split('-');
    words[index * 2] = base36(low);
    words[index * 2 + 1] = base36(high);
  }
  return words;
}

function base36(text: string): bigint {
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}

/** Reads the listings of `paths`, in their order. */
export function unpackListings(
  packed: ArrayBuffer,
  paths: readonly string[],
): readonly DirectoryListing[] {
  const reader = new WordReader(packed);
  return paths.map((path): DirectoryListing => {
    const [failed, count] = reader.pair();
    if (failed !== 0) return { path, errno: errnoName(failed) };
    const fingerprint = fingerprintText(reader.word(), reader.word());
    const [isKnown] = reader.pair();
    const items: DirectoryItem[] = [];
    for (let index = 0; index < count; index++) {
      const { stat, errno, nameBytes } = reader.record();
      const name = decodeName(reader.bytes(nameBytes));
      items.push(
        errno === 0 ? { ...name, stat } : { ...name, stat: null, errno: errnoName(errno) },
      );
    }
    return { path, fingerprint, isKnown: isKnown === 1, items };
  });
}

/** Reads the two records of a file and the hash of its content. */
export function unpackHashedFile(packed: ArrayBuffer): HashedFile {
  const reader = new WordReader(packed);
  const before = reader.record().stat;
  const after = reader.record().stat;
  return { before, after, hash: reader.bytes(32).toString('hex') };
}
