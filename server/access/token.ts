import { createHash, randomBytes } from 'node:crypto';

const PREFIX = 'ferry_';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const SECRET_BYTES = 20;
const SHAPE = /^ferry_[a-z2-7]{32}$/;

/** Returns a new app token: a prefix by which leaked ones can be searched for, and 160 random bits. */
export function makeToken(): string {
  let bits = 0n;
  for (const byte of randomBytes(SECRET_BYTES)) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = 0; at < (SECRET_BYTES * 8) / 5; at++) {
    text += ALPHABET[Number(bits & 31n)];
    bits >>= 5n;
  }
  return `${PREFIX}${text}`;
}

/** Tells whether a password is meant as an app token, so that a wrong one costs no password hash. */
export function isTokenShaped(secret: string): boolean {
  return SHAPE.test(secret);
}

/** Returns what is kept of a token. It cannot be guessed, so a plain hash is as good as a slow one. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
