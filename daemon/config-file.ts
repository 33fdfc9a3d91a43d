import { hostname } from 'node:os';
import { FerryError } from '../core/model/errors.ts';
import { readJsonFile, withFileLock, writeFileAtomically } from './atomic-file.ts';
import { type Config, configDocument, EMPTY_CONFIG, parseConfig } from './config.ts';
import type { Home } from './home.ts';
import type { Warn } from './parse.ts';

/**
 * Returns the configuration on disk; the empty one where there is no file.
 * @throws CONFIG_INVALID naming the file and the key
 */
export async function loadConfig(home: Home, warn: Warn): Promise<Config> {
  const document = await readJsonFile(home.configFile);
  if (document === undefined) return EMPTY_CONFIG;
  try {
    return parseConfig(document, (message) => warn(`${home.configFile}: ${message}`));
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    throw new FerryError(error.code, error.message, { path: home.configFile, cause: error });
  }
}

/** Changes the configuration on disk, one process at a time, and returns the new one. */
export async function updateConfig(
  home: Home,
  change: (config: Config) => Config,
): Promise<Config> {
  return withFileLock(home.configFile, async () => {
    const config = change(await loadConfig(home, () => undefined));
    const text = `${JSON.stringify(configDocument(config), null, 2)}\n`;
    await writeFileAtomically(home.configFile, text, 0o600);
    return config;
  });
}

/** Returns the map with `name` set, or removed where `value` is undefined; the order is kept. */
export function withEntry<T>(
  map: ReadonlyMap<string, T>,
  name: string,
  value: T | undefined,
): ReadonlyMap<string, T> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(name);
  else copy.set(name, value);
  return copy;
}

/** Returns the name that conflict copies get: FERRY_DEVICE, else the configured one, else the host's. */
export function deviceNameOf(config: Config, environment: NodeJS.ProcessEnv): string {
  const { FERRY_DEVICE } = environment;
  return FERRY_DEVICE || config.deviceName || hostname().split('.')[0] || 'this device';
}
