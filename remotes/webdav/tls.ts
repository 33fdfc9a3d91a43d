import { createHash, type X509Certificate } from 'node:crypto';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, rootCertificates } from 'node:tls';
import { FerryError } from '../../core/model/errors.ts';

/** Whom to trust besides, or instead of, the certificate authorities that Node knows. */
export interface TlsTrust {
  /** A certificate authority or a self-signed certificate, in PEM. */
  readonly caPem?: string;
  /**
   * SHA-256 of the one certificate that is accepted, in hex (colons and case do not matter), or `spki:` and that of its
   * public key: then a renewed certificate of the same key is accepted too.
   */
  readonly pinnedFingerprint?: string;
}

/** What a server shows about itself before any trust. */
export interface ServerCertificate {
  /** SHA-256, upper-case hex pairs joined by colons. */
  readonly fingerprint: string;
  /** What to pin: `spki:` and the SHA-256 of the public key, in the same form. */
  readonly pin: string;
  readonly subject: string;
  readonly validTo: string;
  /** Why this system does not trust it, as Node names it; null when it does. */
  readonly problem: string | null;
}

const LOOK_TIMEOUT_MS = 10_000;
const KEY_PIN = 'spki:';

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(/[^0-9a-f]/gi, '').toUpperCase();
}

function keyPinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const hex = createHash('sha256').update(key).digest('hex').toUpperCase();
  return `${KEY_PIN}${hex.match(/../g)?.join(':')}`;
}

function isPinned(certificate: X509Certificate, pin: string): boolean {
  if (!pin.toLowerCase().startsWith(KEY_PIN))
    return plain(certificate.fingerprint256) === plain(pin);
  const wanted = plain(pin.slice(KEY_PIN.length));
  return plain(keyPinOf(certificate).slice(KEY_PIN.length)) === wanted;
}

/** Thrown while connecting; `http-errors.ts` turns it into a FerryError. */
export class PinMismatch extends Error {
  override readonly name = 'PinMismatch';
  readonly fingerprint: string;

  constructor(fingerprint: string) {
    super('the certificate is not the pinned one');
    this.fingerprint = fingerprint;
  }
}

const LOOK_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check the address and that the server runs',
  ENOTFOUND: 'the name of the server is not known; check the address and the network',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS: is it http://?',
};

/** Returns the keep-alive agent for https with that trust. */
export function httpsAgent(options: AgentOptions, trust: TlsTrust = {}): HttpsAgent {
  const { caPem, pinnedFingerprint } = trust;
  if (pinnedFingerprint !== undefined) return new PinningAgent(options, pinnedFingerprint);
  return new HttpsAgent(
    caPem === undefined ? options : { ...options, ca: [...rootCertificates, caPem] },
  );
}

type ConnectionCallback = (error: Error | null, socket: Duplex) => void;

/**
 * Hands out a connection only after its certificate was compared, so nothing (no sign-in above all) is sent to
 * another server. The chain is not looked at: the pin says more than a chain could.
 */
class PinningAgent extends HttpsAgent {
  readonly #pin: string;

  constructor(options: AgentOptions, pin: string) {
    super({ ...options, rejectUnauthorized: false });
    this.#pin = pin;
  }

  override createConnection(options: object, callback?: ConnectionCallback): undefined {
    const socket = connect({ ...options, rejectUnauthorized: false });
    const fail = (error: Error): void => callback?.(error, socket);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || !isPinned(certificate, this.#pin)) {
        socket.destroy(new PinMismatch(certificate?.fingerprint256 ?? 'none'));
        return;
      }
      socket.off('error', fail);
      callback?.(null, socket);
    });
    return undefined;
  }
}

/**
 * Returns the certificate that the server of an https URL shows, without trusting it; nothing is sent. This is what
 * a user compares and pins.
 * @throws REMOTE_UNREACHABLE
 */
export async function lookAtCertificate(url: string): Promise<ServerCertificate> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connect({
      host,
      port: Number(port || 443),
      ...servername,
      rejectUnauthorized: false,
    });
    const fail = (cause: unknown): void => {
      socket.destroy();
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
      const reason = LOOK_FAILURES[code] ?? 'no certificate was shown';
      reject(new FerryError('REMOTE_UNREACHABLE', `${url}: ${reason}`, { cause, path: url }));
    };
    socket.setTimeout(LOOK_TIMEOUT_MS, () => fail(new Error('timed out')));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      // Node's types say that this is an Error; it is the code of one.
      const problem = socket.authorized ? null : String(socket.authorizationError);
      socket.destroy();
      if (certificate === undefined) return fail(new Error('none was sent'));
      resolve({
        fingerprint: certificate.fingerprint256,
        pin: keyPinOf(certificate),
        subject: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
        validTo: certificate.validTo,
        problem,
      });
    });
  });
}
