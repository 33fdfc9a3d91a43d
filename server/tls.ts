import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { FerryError } from '../core/model/errors.ts';
import { errnoOf } from './dav-error.ts';

/** A certificate and its private key, both PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Clients pin the fingerprint, so the pair lives long; a new one would have to be trusted anew. */
const LIFETIME_MS = 10 * 365 * 24 * 3600_000;
const PAIR_FILE = 'server-tls.pem';

/** Returns the SHA-256 of the certificate as people compare it: `AB:CD:…`. */
export function fingerprintOf(cert: string): string {
  try {
    return new X509Certificate(cert).fingerprint256;
  } catch (cause) {
    throw new FerryError('CONFIG_INVALID', 'the TLS certificate cannot be read: PEM is expected', {
      cause,
    });
  }
}

/**
 * Returns the pair kept in `stateDirectory`, or makes one (EC P-256, for this host's names) and keeps it with mode
 * 0600. An expired certificate is made anew with the same key, which is what clients have pinned; a damaged pair is not
 * replaced, as it may be trusted somewhere.
 * @throws FerryError CONFIG_INVALID
 */
export async function keptTlsPair(stateDirectory: string, nowMs: number): Promise<TlsPair> {
  const path = join(stateDirectory, PAIR_FILE);
  const kept = await readPair(path);
  if (kept !== null && Date.parse(new X509Certificate(kept.cert).validTo) > nowMs) return kept;
  const pair = await generateTlsPair(nowMs, kept?.key);
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    // One file for both: a crash can never leave a certificate with another one's key.
    await writePrivately(path, `${pair.cert.trim()}\n${pair.key.trim()}\n`);
  } catch (cause) {
    throw new FerryError('CONFIG_INVALID', `the TLS pair cannot be kept in ${stateDirectory}`, {
      cause,
      path,
    });
  }
  return pair;
}

/** Makes a self-signed certificate for localhost, the loopback addresses and this host's name, with a new key or `key`. */
export async function generateTlsPair(nowMs: number, key?: string): Promise<TlsPair> {
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  const keys = await keysOf(key);
  const names: x509.JsonGeneralNames = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
  const host = hostname();
  if (/^[a-z0-9.-]+$/i.test(host) && host !== 'localhost') names.push({ type: 'dns', value: host });
  // A serial number is positive, so its first byte stays below 0x80.
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: 'CN=Ferry companion server',
    notBefore: new Date(nowMs - 24 * 3600_000),
    notAfter: new Date(nowMs + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(der, 'PRIVATE KEY') };
}

async function keysOf(pem: string | undefined): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  if (pem === undefined) return await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const der = { type: 'pkcs8', format: 'der' } as const;
  const spki = { type: 'spki', format: 'der' } as const;
  const secret = createPrivateKey(pem);
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('pkcs8', secret.export(der), ALGORITHM, true, ['sign']),
    subtle.importKey('spki', createPublicKey(secret).export(spki), ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

async function readPair(path: string): Promise<TlsPair | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null;
    throw new FerryError('CONFIG_INVALID', `the TLS pair ${path} cannot be read`, { cause, path });
  }
  const cert = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0];
  const key = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----/.exec(text)?.[0];
  if (cert === undefined || key === undefined)
    throw new FerryError(
      'CONFIG_INVALID',
      `${path} holds no TLS pair; remove it to get a new one`,
      {
        path,
      },
    );
  return { cert, key };
}

async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
