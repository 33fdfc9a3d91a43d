import { createHash } from 'node:crypto';
import { chmod, lstat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FerryError } from '../core/model/errors.ts';
import { makeStateDirectory } from './atomic-file.ts';

/** Where one user's Ferry keeps its things. */
export interface Home {
  readonly configFile: string;
  readonly secretsFile: string;
  readonly stateDirectory: string;
  /** Holds the control socket; only the user may enter it. */
  readonly runtimeDirectory: string;
  readonly socketPath: string;
  readonly logFile: string;
}

/** Socket addresses hold 108 bytes on Linux and 104 on macOS, the final NUL included. */
const MAX_SOCKET_PATH_BYTES = 100;

function shortRuntimeDirectory(longOne: string): string {
  const digest = createHash('sha256').update(longOne).digest('hex').slice(0, 12);
  return join(tmpdir(), `ferry-${process.getuid?.() ?? 0}-${digest}`);
}

/**
 * Returns the places to use: all below FERRY_HOME where that is set, else the XDG folders. A path that is too
 * long for a socket is replaced by a short one in the folder for temporary files.
 */
export function resolveHome(
  environment: NodeJS.ProcessEnv,
  options: { readonly configFile?: string } = {},
): Home {
  const { FERRY_HOME, HOME: user = homedir(), XDG_RUNTIME_DIR: xdgRuntime } = environment;
  const own = FERRY_HOME === undefined || FERRY_HOME === '' ? undefined : resolve(FERRY_HOME);
  const below = (variable: string, fallback: string) =>
    join(environment[variable] || join(user, fallback), 'ferry');
  const configDirectory = own ?? below('XDG_CONFIG_HOME', '.config');
  const stateDirectory = own ?? below('XDG_STATE_HOME', '.local/state');
  const wanted =
    own === undefined && xdgRuntime ? join(xdgRuntime, 'ferry') : join(stateDirectory, 'run');
  const fits = Buffer.byteLength(join(wanted, 'control.sock')) <= MAX_SOCKET_PATH_BYTES;
  const runtimeDirectory = fits ? wanted : shortRuntimeDirectory(wanted);
  return {
    configFile: options.configFile ?? join(configDirectory, 'config.json'),
    secretsFile: join(configDirectory, 'secrets.json'),
    stateDirectory,
    runtimeDirectory,
    socketPath: join(runtimeDirectory, 'control.sock'),
    logFile: join(stateDirectory, 'log', 'ferry.log'),
  };
}

/** Returns the directory for everything that is known about the pair or drive `name`. */
export function pairDirectory(home: Home, name: string): string {
  return join(home.stateDirectory, 'pairs', name);
}

/** Returns the directory of a pair's sync records. */
export function recordsDirectory(home: Home, name: string): string {
  return join(pairDirectory(home, name), 'records');
}

/**
 * Makes a directory that only the user may enter.
 * @throws LOCAL_PERMISSION when something is there that another user made or could have swapped.
 */
export async function makePrivateDirectory(absolutePath: string): Promise<void> {
  await makeStateDirectory(absolutePath);
  const found = await lstat(absolutePath);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid))
    throw new FerryError(
      'LOCAL_PERMISSION',
      'belongs to another user: remove it, or set FERRY_HOME to a folder of yours',
      { path: absolutePath },
    );
  if ((found.mode & 0o077) !== 0) await chmod(absolutePath, 0o700);
}
