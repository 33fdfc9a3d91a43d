import { FerryError } from '../core/model/errors.ts';
import type { Logger } from '../core/ports.ts';
import type { Config } from '../daemon/config.ts';
import { loadConfig } from '../daemon/config-file.ts';
import type { ControlClient } from '../daemon/control-client.ts';
import type { Home } from '../daemon/home.ts';
import type { LogLevel } from '../daemon/log-file.ts';
import type { Workshop } from '../daemon/open-replicas.ts';
import type { Terminal } from './terminal.ts';

/** Everything that a command may use of the world. */
export interface Context {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly home: Home;
  readonly yes: boolean;
  readonly verbose: boolean;
  /** The file given with --config, to be passed on. */
  readonly configFile: string | undefined;
  /** Raised by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Returns the configuration; what is odd in it is said on stderr. */
export function configOf(context: Context): Promise<Config> {
  return loadConfig(context.home, (message) => context.terminal.note(`ferry: ${message}`));
}

/** Returns a client for the running daemon, or null. @throws LOCAL_BUSY where it does not answer */
export async function daemonOf(context: Context): Promise<ControlClient | null> {
  const { connectDaemon } = await import('../daemon/control-client.ts');
  return connectDaemon(context.home.socketPath);
}

/** Returns a client for the running daemon. @throws DAEMON_NOT_RUNNING, LOCAL_BUSY */
export async function requireDaemon(context: Context): Promise<ControlClient> {
  const { clientOfDaemon } = await import('../daemon/control-client.ts');
  return clientOfDaemon(context.home.socketPath);
}

/** Tells a daemon that runs to look at the configuration again. */
export async function reloadDaemon(context: Context): Promise<boolean> {
  const client = await daemonOf(context);
  await client?.reload();
  return client !== null;
}

/** Returns what opening replicas needs, for work without the daemon. */
export async function workshopOf(context: Context, logger?: Logger): Promise<Workshop> {
  const [{ realParts }, { systemClock }, log] = await Promise.all([
    import('../daemon/real-parts.ts'),
    import('../daemon/system-clock.ts'),
    import('../daemon/log-file.ts'),
  ]);
  const level: LogLevel = context.verbose ? 'debug' : log.logLevelOf('error');
  const toStderr = log.createLogger(
    { level, write: (line) => context.terminal.stderr.write(line) },
    systemClock.now,
  );
  return {
    parts: realParts(),
    home: context.home,
    environment: context.environment,
    cwd: context.cwd,
    clock: systemClock,
    logger: logger ?? (context.verbose ? toStderr : log.SILENT),
  };
}

/** Returns the error for wrong arguments. */
export function usage(message: string): FerryError {
  return new FerryError('CONFIG_INVALID', message);
}

/** Asks on the terminal; --yes is yes. @throws GUARD_STOPPED when there is nobody to ask */
export async function confirm(context: Context, question: string): Promise<boolean> {
  if (context.yes) return true;
  if (!process.stdin.isTTY || !context.terminal.stderr.isTTY)
    throw usage(`${question.replace(/\?$/, '')}: nobody can be asked here; say --yes`);
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${question} [y/N] `, { signal: context.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}
