import { FerryError } from '../../core/model/errors.ts';
import type { ShownCertificate } from '../../daemon/parts.ts';
import { type Context, confirm, usage, workshopOf } from '../context.ts';

/** Says beforehand what would be asked. */
export interface TrustFlags {
  /** SHA-256 of the certificate or of its public key, as the server's owner told it. */
  readonly fingerprint?: string;
  readonly trustCertificate?: boolean;
}

/** Why a certificate is not trusted, where trusting it all the same needs more than a yes. */
const GRAVE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet: check the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name: check the address',
  CERT_REVOKED: 'it was revoked',
};

/**
 * Looks at the certificate of a server before anything is sent there, and returns the pin to keep; undefined where the
 * system trusts it (its owner renews it, and a pin would only break then) and for plain HTTP.
 * @throws FerryError REMOTE_UNREACHABLE when it is not the expected one or nobody trusts it
 */
export async function trustedPin(
  context: Context,
  url: string,
  flags: TrustFlags,
): Promise<string | undefined> {
  const expected = flags.fingerprint === undefined ? undefined : plain(flags.fingerprint);
  if (!url.startsWith('https:')) {
    if (expected !== undefined) throw usage('--fingerprint: only an https:// address has one');
    return undefined;
  }
  const { parts } = await workshopOf(context);
  const shown = await parts.lookAtCertificate(url);
  if (expected !== undefined) {
    if (expected === plain(shown.fingerprint) || expected === plain(shown.pin)) return shown.pin;
    throw untrusted(
      url,
      `the server shows another certificate than --fingerprint says: SHA-256 ${shown.fingerprint}. Nothing was sent. Ask its owner for the right one; if this is the address they gave you, someone may be in between`,
    );
  }
  if (shown.problem === null) return undefined;
  await askAbout(context, url, shown, flags);
  return shown.pin;
}

async function askAbout(
  context: Context,
  url: string,
  { fingerprint, problem, validTo }: ShownCertificate,
  flags: TrustFlags,
): Promise<void> {
  const { host } = new URL(url);
  const grave = GRAVE[problem ?? ''];
  if (grave !== undefined)
    throw untrusted(
      url,
      `the certificate of ${host} (SHA-256 ${fingerprint}) cannot be trusted: ${grave}. --fingerprint trusts it all the same`,
    );
  context.terminal.note(
    `ferry: this system does not know the certificate of ${host} (valid until ${validTo}). Compare its fingerprint with the one that the server printed at its start:\nSHA-256 ${fingerprint}`,
  );
  if (flags.trustCertificate === true) return;
  const question = 'trust it from now on (with --fingerprint it is compared for you)?';
  if (!(await confirm(context, question)))
    throw untrusted(url, 'the certificate was not trusted; nothing was sent');
}

function plain(fingerprint: string): string {
  // As openssl prints it, as it is kept here, or bare.
  const hex = fingerprint.replace(/^.*=/, '').replace(/^\s*(?:sha-?256|spki)[:\s]*/i, '');
  const digits = hex.replaceAll(/[:\s]/g, '').toUpperCase();
  if (/^[0-9A-F]{64}$/.test(digits)) return digits;
  throw usage('--fingerprint: expected a SHA-256 fingerprint, 64 hexadecimal digits');
}

function untrusted(path: string, message: string): FerryError {
  return new FerryError('REMOTE_UNREACHABLE', message, { path, retry: 'never' });
}
