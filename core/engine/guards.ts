import type { Cursor } from '../feed.ts';
import type { Direction, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { parseSyncPath } from '../model/path.ts';
import type { IdentifyOptions, Replica, RootIdentity } from '../ports.ts';
import type { Plan } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { PairSettings } from './pair-settings.ts';
import { readWhole } from './read-whole.ts';
import type { SideView } from './side-view.ts';
import { saysChanges } from './survey-part.ts';

/** Fewer deletions than this are never asked about. */
const FREE_DELETIONS = 20;
const MODIFIED_FRACTION = 0.5;
const MODIFIED_FROM = 50;
const MAX_CONFLICTS = 20;

function stop(message: string): never {
  throw new FerryError('GUARD_STOPPED', message);
}

/** What a side is called when it is asked about. */
function described(side: Side): string {
  return side === 'local' ? 'the local folder' : 'the remote';
}

export interface IdentifyRootsOptions {
  readonly direction: Direction;
  readonly isDryRun: boolean;
  /** Returns after which cursor a side's changes are asked for; undefined: they are not. */
  readonly since?: (side: Side) => Cursor | null;
  readonly signal: AbortSignal;
}

/**
 * Checks that both roots are there and are the ones the records were made with. A first run makes a missing
 * destination root.
 * @throws GUARD_STOPPED, LOCAL_ROOT_MISSING, REMOTE_*
 */
export async function identifyRoots(
  replicas: Readonly<Record<Side, Replica>>,
  records: Records,
  { direction, isDryRun, since, signal }: IdentifyRootsOptions,
): Promise<Record<Side, RootIdentity>> {
  const isFirst = records.size === 0 && records.state.roots.local === null;
  const identify = async (side: Side): Promise<RootIdentity> => {
    const isMaster = direction === (side === 'local' ? 'local-to-remote' : 'remote-to-local');
    // A master must be there; a marker is put into a local one, nothing into a remote one.
    if (isFirst && isMaster)
      await identifyOrStop(replicas[side], side, { create: false, isFirst, signal });
    const create = isFirst && !isDryRun && (!isMaster || side === 'local');
    const asked = since === undefined ? {} : { since: since(side) };
    const found = await identifyOrStop(replicas[side], side, {
      create,
      isFirst,
      signal,
      ...asked,
    });
    const known = records.state.roots[side];
    // A cursor that is followed is one of this very tree.
    if (found.id === null && saysChanges(found.feed)) return { ...found, id: known };
    if (records.size > 0 && known !== null && found.id !== known)
      stop(
        `${described(side)} is not the one that was synced before (${found.id === null ? 'its marker is gone' : 'its marker is another one'}); is the right disk mounted? Nothing was changed. If it is the right one, reset the pair`,
      );
    return found;
  };
  return { local: await identify('local'), remote: await identify('remote') };
}

async function identifyOrStop(
  replica: Replica,
  side: Side,
  { isFirst, ...options }: IdentifyOptions & { readonly isFirst: boolean },
): Promise<RootIdentity> {
  try {
    return await replica.identify(options);
  } catch (error) {
    const isMissing =
      error instanceof FerryError &&
      (error.code === 'LOCAL_ROOT_MISSING' || error.code === 'REMOTE_NOT_FOUND');
    if (!isMissing || isFirst) throw error;
    throw new FerryError(
      'GUARD_STOPPED',
      `${described(side)} is missing although it was synced before: ${error.message}. Nothing was changed`,
      { cause: error, ...(error.path === undefined ? {} : { path: error.path }) },
    );
  }
}

/** Checks the pair's guard file on the local side. @throws GUARD_STOPPED */
export async function checkGuardFile(local: Replica, settings: PairSettings): Promise<void> {
  if (!settings.guardFile) return;
  const path = parseSyncPath(settings.guardFile.path);
  const entry = await local.stat(path);
  if (entry?.kind !== 'file')
    stop(
      `the guard file ${path} is not in the local folder: is the right disk mounted? Nothing was changed`,
    );
  if (settings.guardFile.pattern === undefined) return;
  const content = await readWhole(local, path);
  if (!patternOf(settings.guardFile.pattern).test(content?.toString('utf8') ?? ''))
    stop(`the guard file ${path} does not have the content it must have. Nothing was changed`);
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    throw new FerryError(
      'CONFIG_INVALID',
      `the guard file's pattern ${source} is no regular expression`,
      {
        cause: error,
      },
    );
  }
}

export interface NetEffectOptions {
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly recordedEntries: number;
  readonly recordedFiles: number;
  readonly settings: PairSettings;
  readonly allowDeletes: boolean;
  readonly yes: boolean;
  /** Nothing was done yet in this run. */
  readonly isFirstPass: boolean;
}

/** Checks what the plan amounts to before anything is touched. @throws GUARD_STOPPED */
export function checkNetEffect(options: NetEffectOptions): void {
  if (!options.allowDeletes) checkDeletions(options);
  if (!options.yes) checkModifications(options);
}

function untouched({ isFirstPass }: NetEffectOptions): string {
  return isFirstPass ? 'Nothing was changed' : 'Nothing more was changed';
}

function checkDeletions(options: NetEffectOptions): void {
  const { plan, views, recordedEntries, settings } = options;
  const { counts } = plan;
  for (const [side, deleted] of [
    ['local', counts.deletedLocal],
    ['remote', counts.deletedRemote],
  ] as const) {
    if (deleted === 0) continue;
    const source: Side = side === 'local' ? 'remote' : 'local';
    const hint = `${untouched(options)}. If that is right, run it once more with --allow-deletes, or ferry plan release (ferry plan show lists it)`;
    if (views[source].isEmpty)
      stop(
        `${described(source)} is empty, and ${deleted} entries would be deleted on the other side. ${hint}`,
      );
    if (deleted > FREE_DELETIONS && deleted > settings.maxDeleteFraction * recordedEntries)
      stop(
        `${deleted} of ${recordedEntries} entries would be deleted on ${described(side)}. ${hint}`,
      );
  }
}

/** Tells whether so many recorded files would be replaced that somebody has to be asked. */
export function replacesMany({ counts }: Plan, recordedFiles: number): boolean {
  const modified = Math.max(counts.modifiedLocal, counts.modifiedRemote);
  return modified >= MODIFIED_FROM && modified > MODIFIED_FRACTION * recordedFiles;
}

function checkModifications(options: NetEffectOptions): void {
  const { plan, recordedFiles } = options;
  const { modifiedLocal, modifiedRemote, conflicts } = plan.counts;
  const hint = `${untouched(options)}. If that is right, run it once more with --yes, or ferry plan release (ferry plan show lists it)`;
  const modified = Math.max(modifiedLocal, modifiedRemote);
  if (replacesMany(plan, recordedFiles))
    stop(`${modified} of ${recordedFiles} files would be replaced. ${hint}`);
  if (conflicts > MAX_CONFLICTS)
    stop(`${conflicts} files were changed on both sides and would get conflict copies. ${hint}`);
}
