import { FerryError } from '../core/model/errors.ts';
import { readJsonFile, withFileLock, writeFileAtomically } from './atomic-file.ts';
import type { Home } from './home.ts';
import { mapOf, object, type Parser, string } from './parse.ts';

/** How to sign in somewhere. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Passwords by what they are for: `remote:NAME`, or `url:URL` for a remote without a name. */
export type Secrets = ReadonlyMap<string, Credentials>;

/** Unlike the other parsers, says nothing about the value. */
const secretText: Parser<string> = (value, key) => {
  if (typeof value === 'string') return value;
  throw new FerryError('CONFIG_INVALID', `${key}: expected a text`);
};

const parseSecrets = mapOf(
  string,
  object(
    (reader) => ({
      user: reader.required('user', string),
      password: reader.required('password', secretText),
    }),
    () => undefined,
  ),
);

/** Returns the secrets on disk; none where there is no file. @throws CONFIG_INVALID */
export async function loadSecrets(home: Home): Promise<Secrets> {
  const document = await readJsonFile(home.secretsFile);
  return document === undefined ? new Map() : parseSecrets(document, 'secrets.json');
}

/** Keeps (or, with undefined, forgets) one secret in a file that only the user can read. */
export async function storeSecret(
  home: Home,
  key: string,
  credentials: Credentials | undefined,
): Promise<void> {
  await withFileLock(home.secretsFile, async () => {
    const secrets = new Map(await loadSecrets(home));
    if (credentials === undefined && !secrets.has(key)) return;
    if (credentials === undefined) secrets.delete(key);
    else secrets.set(key, credentials);
    const text = `${JSON.stringify(Object.fromEntries(secrets), null, 2)}\n`;
    await writeFileAtomically(home.secretsFile, text, 0o600);
  });
}
