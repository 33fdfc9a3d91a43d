import { FerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { RemoteCache } from '../../daemon/cache-api.ts';
import type { Config } from '../../daemon/config.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { type Context, configOf, requireDaemon, usage } from '../context.ts';
import { EXIT, exitCodeOfError, worstExitCode } from '../exit-codes.ts';
import { count, formatBytes } from '../format.ts';
import { pairPathsOf } from '../pair-path.ts';
import { createProgress } from '../progress.ts';

/** Paths in one drive. */
interface InDrive {
  readonly drive: string;
  readonly mountPoint: string;
  readonly paths: readonly SyncPath[];
}

const WHY_KEPT = {
  dirty: 'not uploaded yet',
  open: 'open in a program',
  pinned: 'pinned',
  conflict: 'in conflict',
} as const;

/** Returns which drives the paths are in. @throws CONFIG_INVALID for one that is in none */
function inDrives(context: Context, config: Config, args: readonly string[]): readonly InDrive[] {
  const found = new Map<string, { mountPoint: string; paths: SyncPath[] }>();
  for (const text of args) {
    const at = pairPathsOf(context, config, text).find(({ pair }) => config.drives.has(pair));
    const mountPoint = at === undefined ? undefined : config.drives.get(at.pair)?.mountPoint;
    if (at === undefined || mountPoint === undefined)
      throw usage(`${text} is in no drive: ferry mount shows a remote as one`);
    const drive = found.get(at.pair) ?? { mountPoint, paths: [] };
    found.set(at.pair, drive);
    drive.paths.push(at.path);
  }
  return [...found].map(([drive, rest]) => ({ drive, ...rest }));
}

async function eachDrive(
  context: Context,
  args: readonly string[],
  work: (cache: RemoteCache, at: InDrive, client: ControlClient) => Promise<number>,
): Promise<number> {
  const config = await configOf(context);
  const chosen = inDrives(context, config, args);
  const client = await requireDaemon(context);
  const codes: number[] = [];
  for (const at of chosen)
    codes.push(
      await work(client.cache(at.drive), at, client).catch((error: unknown) => {
        throw withWholePath(at, error);
      }),
    );
  return worstExitCode(codes);
}

function shownPath({ mountPoint }: InDrive, path: string): string {
  return path === ROOT ? mountPoint : `${mountPoint}/${path}`;
}

/** A path that was typed may have been meant from another folder: what was looked for is named as a whole. */
function withWholePath(at: InDrive, caught: unknown): unknown {
  if (!(caught instanceof FerryError) || caught.code !== 'LOCAL_NOT_FOUND') return caught;
  const missing = at.paths.find((path) => path === caught.path) ?? '';
  return missing === ''
    ? caught
    : new FerryError(caught.code, `${shownPath(at, missing)} is not there`, { cause: caught });
}

async function fetchAll(context: Context, cache: RemoteCache, at: InDrive): Promise<number> {
  const { terminal, signal } = context;
  const display = createProgress(terminal, at.drive);
  try {
    const report = await cache.hydrate(at.paths, {
      signal,
      onProgress: (progress) => display.update({ phase: 'transferring', ...progress }),
    });
    display.end();
    const { files, bytes, failures } = report;
    for (const { path, message } of failures)
      terminal.complain(message.includes(path) ? message : `${path}: ${message}`);
    terminal.text(`${count(files, 'file')} fetched, ${formatBytes(bytes)}`);
    terminal.document({ drive: at.drive, ...report });
    return worstExitCode([
      EXIT.ok,
      ...failures.map(({ code, message }) =>
        exitCodeOfError(new FerryError(code as FerryError['code'], message)),
      ),
    ]);
  } catch (error) {
    if (signal.aborted)
      terminal.note('ferry: what has come stays; the same command goes on with the rest');
    throw error;
  } finally {
    display.end();
  }
}

/** `ferry pin PATH...`: keeps files on this device, and directories with all that is or comes below them. */
export function pin(
  context: Context,
  args: readonly string[],
  flags: { readonly wait?: boolean },
): Promise<number> {
  return eachDrive(context, args, async (cache, at) => {
    await cache.pin(at.paths);
    for (const path of at.paths) context.terminal.text(`pinned ${shownPath(at, path)}`);
    if (flags.wait) return fetchAll(context, cache, at);
    context.terminal.document({ drive: at.drive, pinned: at.paths });
    context.terminal.note('ferry: what is missing comes in the background: ferry status');
    return EXIT.ok;
  });
}

/** `ferry unpin PATH...`: what is here stays until its room is needed. */
export function unpin(context: Context, args: readonly string[]): Promise<number> {
  return eachDrive(context, args, async (cache, at) => {
    const notPinned = await cache.unpin(at.paths);
    for (const path of at.paths)
      if (!notPinned.includes(path)) context.terminal.text(`unpinned ${shownPath(at, path)}`);
    for (const path of notPinned)
      context.terminal.complain(`${shownPath(at, path)} is not pinned itself`);
    context.terminal.document({ drive: at.drive, unpinned: at.paths, notPinned });
    return notPinned.length > 0 ? EXIT.error : EXIT.ok;
  });
}

/** `ferry hydrate PATH...`: fetches what is missing, and waits for it. */
export function hydrate(context: Context, args: readonly string[]): Promise<number> {
  return eachDrive(context, args, (cache, at) => fetchAll(context, cache, at));
}

/** `ferry free PATH...` or `--all`: gives space back; says what has to stay, and why. */
export async function free(
  context: Context,
  args: readonly string[],
  flags: { readonly all?: boolean },
): Promise<number> {
  if (flags.all ? args.length > 0 : args.length === 0)
    throw usage('name what to free, or say --all for everything in all drives');
  const all = [...(await configOf(context)).drives.values()].map(({ mountPoint }) => mountPoint);
  return eachDrive(context, flags.all ? all : args, async (cache, at) => {
    const report = await cache.free(at.paths);
    const { freedFiles, freedBytes, keptFiles, kept } = report;
    for (const { path, reason } of kept)
      context.terminal.complain(`${shownPath(at, path)} stays: it is ${WHY_KEPT[reason]}`);
    if (keptFiles > kept.length)
      context.terminal.complain(`and ${count(keptFiles - kept.length, 'file')} more`);
    context.terminal.text(`${count(freedFiles, 'file')} freed, ${formatBytes(freedBytes)}`);
    context.terminal.document({ drive: at.drive, ...report });
    return keptFiles > 0 ? EXIT.error : EXIT.ok;
  });
}
