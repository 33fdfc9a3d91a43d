import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, rootCertificates } from 'node:tls';
import { FerryError } from '../../core/model/errors.ts';

/** Whom to trust besides, or instead of, the certificate authorities that Node knows. */
export interface TlsTrust {
  /** A certificate authority or a self-signed certificate, in PEM. */
  readonly caPem?: string;
  /** SHA-256 of the one certificate that is accepted, in hex; colons and case do not matter. */
  readonly pinnedFingerprint?: string;
}

/** What a server shows about itself before any trust. */
export interface ServerCertificate {
  /** SHA-256, upper-case hex pairs joined by colons. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly validTo: string;
}

const LOOK_TIMEOUT_MS = 10_000;

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(/[^0-9a-f]/gi, '').toUpperCase();
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
    this.#pin = plain(pin);
  }

  override createConnection(options: object, callback?: ConnectionCallback): undefined {
    const socket = connect({ ...options, rejectUnauthorized: false });
    const fail = (error: Error): void => callback?.(error, socket);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      if (plain(fingerprint256) !== this.#pin) {
        socket.destroy(new PinMismatch(fingerprint256));
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
      reject(new FerryError('REMOTE_UNREACHABLE', `${url}: no certificate was shown`, { cause }));
    };
    socket.setTimeout(LOOK_TIMEOUT_MS, () => fail(new Error('timed out')));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const { fingerprint256, subject, valid_to } = socket.getPeerCertificate();
      socket.destroy();
      resolve({
        fingerprint: fingerprint256,
        subject: [subject?.CN ?? ''].flat().join(', '),
        validTo: valid_to,
      });
    });
  });
}
