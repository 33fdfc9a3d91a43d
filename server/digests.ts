import { createHash } from 'node:crypto';
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { DavError } from './dav-error.ts';

/** Algorithms that a content can be checked with. */
export type DigestAlgorithm = 'ADLER32' | 'BLAKE3' | 'MD5' | 'SHA1' | 'SHA256' | 'SHA512';

/** What a client says of a content. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal digits. */
  readonly hex: string;
  /** The header that says so, for messages. */
  readonly header: string;
}

/** Takes a content in, piece by piece. */
interface Digester {
  update(piece: Uint8Array): void;
  /** The result as lower-case hexadecimal digits; asked for once. */
  end(): string;
}

const HEX_DIGITS: Readonly<Record<DigestAlgorithm, number>> = {
  ADLER32: 8,
  BLAKE3: 64,
  MD5: 32,
  SHA1: 40,
  SHA256: 64,
  SHA512: 128,
};

/** Names of RFC 9530; the algorithms that it calls insecure prove nothing and are left out. */
const BY_FIELD_NAME: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['sha-256', 'SHA256'],
  ['sha-512', 'SHA512'],
]);

/** Algorithms of `OC-Checksum`, which ownCloud's clients send and read. */
const CHECKSUMS: ReadonlySet<string> = new Set(['ADLER32', 'BLAKE3', 'MD5', 'SHA1', 'SHA256']);

/**
 * Returns what an `OC-Checksum` header says: `SHA1:0a4d…`, several separated by spaces; unknown algorithms are left out.
 * @throws DavError 400
 */
export function parseChecksums(header: string | undefined): readonly Digest[] {
  const words = header?.trim().split(/[\s,]+/) ?? [];
  return words.flatMap((word) => {
    const [, name = '', digits = ''] = /^([\w-]+):([\da-f]+)$/i.exec(word) ?? [];
    if (name === '') throw new DavError(400, 'OC-Checksum is ALGORITHM:HEXADECIMAL-DIGITS');
    const algorithm = name.toUpperCase() as DigestAlgorithm;
    if (!CHECKSUMS.has(algorithm)) return [];
    const length = HEX_DIGITS[algorithm];
    const hex = algorithm === 'ADLER32' ? digits.padStart(length, '0') : digits;
    if (hex.length !== length)
      throw new DavError(400, `${algorithm} in OC-Checksum has ${length} hexadecimal digits`);
    return [{ algorithm, hex: hex.toLowerCase(), header: 'OC-Checksum' }];
  });
}

/**
 * Returns what a `Content-Digest` or `Repr-Digest` header says (RFC 9530); unknown algorithms are left out.
 * @throws DavError 400
 */
export function parseDigestField(name: string, header: string | undefined): readonly Digest[] {
  if (header === undefined) return [];
  return header.split(',').flatMap((member) => {
    const [, key = '', base64 = ''] =
      /^\s*([a-z*][\w.*-]*)=:([\d+/a-z]*={0,2}):\s*$/i.exec(member) ?? [];
    if (key === '') throw new DavError(400, `${name} is ALGORITHM=:BASE64:`);
    const algorithm = BY_FIELD_NAME.get(key);
    if (algorithm === undefined) return [];
    const hex = Buffer.from(base64, 'base64').toString('hex');
    if (hex.length !== HEX_DIGITS[algorithm])
      throw new DavError(400, `${key} in ${name} has ${HEX_DIGITS[algorithm] / 2} bytes`);
    return [{ algorithm, hex, header: name }];
  });
}

/** Returns the name in RFC 9530 of the algorithm that a `Want-Repr-Digest` header likes best; null for none of ours. */
export function wantedDigest(header: string | undefined): string | null {
  let best: string | null = null;
  let most = 0;
  for (const member of header?.split(',') ?? []) {
    const [, key = '', weight = ''] = /^\s*([a-z*][\w.*-]*)=(\d{1,2})\s*$/.exec(member) ?? [];
    if (!BY_FIELD_NAME.has(key) || Number(weight) <= most) continue;
    best = key;
    most = Number(weight);
  }
  return best;
}

/** Returns the value of a `Repr-Digest` field for the content, which is read to its end. */
export async function digestField(
  name: string,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  const digester = createDigester(BY_FIELD_NAME.get(name) ?? 'SHA256');
  for await (const piece of content) digester.update(piece);
  return `${name}=:${Buffer.from(digester.end(), 'hex').toString('base64')}:`;
}

/** Returns digests as the text of an `OC-Checksum`, each algorithm once. */
export function checksumText(digests: readonly Digest[]): string {
  return [...new Set(digests.map(({ algorithm, hex }) => `${algorithm}:${hex}`))].join(' ');
}

/** Passes a body on, and ends it with an error when it is not what the digests say. @throws DavError 400 */
export async function* verifying(
  body: AsyncIterable<Uint8Array>,
  digests: readonly Digest[],
): AsyncIterable<Uint8Array> {
  const algorithms = [...new Set(digests.map(({ algorithm }) => algorithm))];
  const digesters = algorithms.map((algorithm) => [algorithm, createDigester(algorithm)] as const);
  for await (const piece of body) {
    for (const [, digester] of digesters) digester.update(piece);
    yield piece;
  }
  const found = new Map(digesters.map(([algorithm, digester]) => [algorithm, digester.end()]));
  const wrong = digests.find(({ algorithm, hex }) => found.get(algorithm) !== hex);
  if (wrong !== undefined)
    throw new DavError(400, `the content is not what ${wrong.header} says: it came damaged`);
}

function createDigester(algorithm: DigestAlgorithm): Digester {
  if (algorithm === 'ADLER32') return new Adler32();
  if (algorithm === 'BLAKE3') {
    const hasher = new Blake3Hasher();
    return {
      update: (piece) =>
        void hasher.update(Buffer.from(piece.buffer, piece.byteOffset, piece.length)),
      end: () => hasher.digest('hex'),
    };
  }
  const hasher = createHash(algorithm.toLowerCase());
  return { update: (piece) => void hasher.update(piece), end: () => hasher.digest('hex') };
}

/** RFC 1950. */
class Adler32 implements Digester {
  #low = 1;
  #high = 0;

  update(piece: Uint8Array): void {
    // The remainder is taken seldom: so many sums still fit into 32 bits.
    for (let start = 0; start < piece.length; start += 5552) {
      const end = Math.min(start + 5552, piece.length);
      for (let at = start; at < end; at++) {
        this.#low += piece[at] ?? 0;
        this.#high += this.#low;
      }
      this.#low %= 65_521;
      this.#high %= 65_521;
    }
  }

  end(): string {
    return (this.#high * 65_536 + this.#low).toString(16).padStart(8, '0');
  }
}
