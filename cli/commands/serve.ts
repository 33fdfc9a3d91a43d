import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { parseSize } from '../../daemon/units.ts';
import type { AccessLog } from '../../server/access-log.ts';
import type { Context } from '../context.ts';
import { usage, workshopOf } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { keepVersionsFrom } from '../pair-flags.ts';
import { accessFileOf } from './serve-access.ts';
import type { ServeFlags } from './serve-flags.ts';

const DEFAULT_LISTEN = '127.0.0.1:8443';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/;

/** Returns host and port of `HOST:PORT`, `[IPV6]:PORT` or `:PORT`. @throws CONFIG_INVALID */
export function parseListen(
  text: string,
  flag = '--listen',
): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw usage(`${flag}: expected HOST:PORT such as 127.0.0.1:8443, found ${text}`);
  return { host: bracketed ?? (plain === '' || plain === undefined ? '0.0.0.0' : plain), port };
}

async function readPem(absolutePath: string): Promise<string> {
  try {
    return await readFile(absolutePath, 'utf8');
  } catch (error) {
    throw new FerryError('LOCAL_NOT_FOUND', 'the certificate or key cannot be read', {
      path: absolutePath,
      cause: error,
    });
  }
}

async function tlsFrom(context: Context, flags: ServeFlags, isLoopback: boolean) {
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    throw usage('--tls-cert and --tls-key belong together');
  if (flags.tlsCert !== undefined && flags.tlsKey !== undefined)
    return {
      cert: await readPem(resolve(context.cwd, flags.tlsCert)),
      key: await readPem(resolve(context.cwd, flags.tlsKey)),
    };
  if (flags.tls !== false) return 'generated' as const;
  if (!isLoopback)
    context.terminal.note(
      'ferry: without TLS everybody on the network can read passwords and files; put a proxy with TLS in front',
    );
  return null;
}

/**
 * Returns who may sign in; the access file in the state directory counts where nobody else was named, and only if there
 * is one.
 */
async function signInFrom(context: Context, flags: ServeFlags, isLoopback: boolean) {
  const { access, user, passwordFile } = flags;
  if (user !== undefined && passwordFile === undefined) throw usage('--user needs --password-file');
  const accessFile = accessFileOf(context, flags);
  const named = access === undefined ? {} : { accessFile };
  if (passwordFile !== undefined) {
    const { loadUsers } = await import('../../server/users.ts');
    const file = resolve(context.cwd, passwordFile);
    const users = await loadUsers({ passwordFile: file, ...(user === undefined ? {} : { user }) });
    return { users, ...named };
  }
  if (access !== undefined || (await stat(accessFile).catch(() => null)) !== null)
    return { users: null, accessFile };
  if (!isLoopback)
    throw usage(
      'without a sign-in only this machine may be served: ferry serve users add NAME first (or give --user and --password-file), or listen on 127.0.0.1',
    );
  context.terminal.note('ferry: no sign-in is asked for: every program on this machine can get in');
  return { users: null };
}

function reserveFrom({ keepFree }: ServeFlags): { readonly reserveBytes?: number } {
  if (keepFree === undefined) return {};
  return { reserveBytes: keepFree === 'off' ? 0 : parseSize(keepFree, '--keep-free') };
}

async function accessLogFrom(
  context: Context,
  { accessLog }: ServeFlags,
  logger: Logger,
): Promise<AccessLog | null> {
  if (accessLog === undefined) return null;
  const { openAccessLog, writtenAccessLog } = await import('../../server/access-log.ts');
  if (accessLog === '-') return writtenAccessLog((line) => context.terminal.stdout.write(line));
  return openAccessLog(resolve(context.cwd, accessLog), logger);
}

/** `ferry serve DIR`: the companion server, until Ctrl-C. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: ServeFlags,
): Promise<number> {
  const directory = resolve(context.cwd, args[0] ?? '');
  const service = () => import('./serve-service.ts');
  if (flags.uninstallService === true)
    return (await service()).uninstallService(context, directory, flags);
  const found = await stat(directory).catch(() => null);
  if (!found?.isDirectory())
    throw new FerryError('LOCAL_ROOT_MISSING', 'there is no such folder to serve', {
      path: directory,
    });
  const listen = parseListen(flags.listen ?? DEFAULT_LISTEN);
  const metrics = flags.metrics === undefined ? undefined : parseListen(flags.metrics, '--metrics');
  const reserve = reserveFrom(flags);
  if (flags.installService === true)
    return (await service()).installService(context, directory, flags);
  const isLoopback = LOOPBACK.test(listen.host);
  const signIn = await signInFrom(context, flags, isLoopback);
  const tls = await tlsFrom(context, flags, isLoopback);
  const { serve } = await import('../../server/serve.ts');
  const { logger } = await workshopOf(context);
  const accessLog = await accessLogFrom(context, flags, logger);
  const server = await serve({
    directory,
    ...listen,
    ...signIn,
    ...reserve,
    tls,
    metrics,
    ...(accessLog === null ? {} : { observe: (record) => accessLog.note(record) }),
    stateDirectory: join(context.home.stateDirectory, 'server'),
    readOnly: flags.readOnly ?? false,
    insecureAllowed: flags.tls === false,
    keepVersions: keepVersionsFrom(undefined, flags).keepVersions ?? {},
    logger,
  });
  const { terminal, signal } = context;
  const { fingerprint, metricsPort, port, url } = server;
  terminal.text(`serving ${directory} at ${url}`);
  if (fingerprint !== null) terminal.text(`certificate fingerprint ${fingerprint}`);
  if (metrics !== undefined)
    terminal.text(`metrics at http://${metrics.host}:${metricsPort}/metrics`);
  terminal.document({ url, port, fingerprint, metricsPort });
  // Only a server with a log does not end with its terminal: a log rotation says the same.
  const reopen = (): void => accessLog?.reopen();
  if (accessLog !== null) process.on('SIGHUP', reopen);
  await new Promise<void>((ended) => {
    if (signal.aborted) ended();
    else signal.addEventListener('abort', () => ended(), { once: true });
  });
  await server.close();
  process.off('SIGHUP', reopen);
  await accessLog?.close();
  return EXIT.ok;
}
