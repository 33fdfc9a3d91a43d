import { throwIfAborted } from '../../core/model/errors.ts';
import {
  bytesOf,
  type KeepVersions,
  keptSince,
  roomFor,
  versionsDue,
} from '../../core/model/keep-versions.ts';
import { ROOT } from '../../core/model/path.ts';
import type {
  Clock,
  Logger,
  PruneOptions,
  PruneResult,
  StoredVersion,
  VersionShelf,
} from '../../core/ports.ts';
import type { SafeRoot } from '../../native/index.ts';
import { createPrivateFile, privatePath, removeIfThere } from './private-files.ts';
import { notesFile, placeOf, runFolders, VERSIONS } from './version-folders.ts';
import type { VersionStore } from './version-store.ts';

const DAY_MS = 86_400_000;
/** A look at all versions costs as much as there are; without anything new, once a day is enough. */
const LOOK_EVERY_MS = DAY_MS;
/** So many are removed after one run; the rest has to wait for the next. */
const MAX_REMOVALS = 20_000;
const MAX_ONLY_COPIES = 100;
/** Its time says when all versions were last looked at. */
const LOOKED = privatePath('versions-looked-at');
const NONE: ReadonlySet<StoredVersion> = new Set();
const NOTHING: PruneResult = { versions: 0, bytes: 0 };

interface PruningOptions {
  readonly root: () => Promise<SafeRoot>;
  readonly store: Pick<VersionStore, 'takeBytes'>;
  readonly keep: KeepVersions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Removes what is past its time or has no room, after a run. */
export class VersionPruning {
  readonly #options: PruningOptions;
  readonly #shelf: Pick<VersionShelf, 'list'>;

  constructor(options: PruningOptions, shelf: Pick<VersionShelf, 'list'>) {
    this.#options = options;
    this.#shelf = shelf;
  }

  async prune(options: PruneOptions): Promise<PruneResult> {
    const { clock, logger, store } = this.#options;
    const isNew = store.takeBytes() > 0;
    const root = await this.#options.root();
    if (!isNew && clock.now() - (await lookedMs(root)) < LOOK_EVERY_MS) return NOTHING;
    const versions = await this.#all(options.signal);
    const due = await this.#due(root, versions, options);
    const going = due.slice(0, MAX_REMOVALS);
    const removed = await this.#remove(root, going, options.signal);
    await this.#removeEmptied(root, versions, new Set(going));
    if (removed.versions > 0) logger.info('removed old versions', { ...removed });
    if (due.length === going.length) await noteLook(root, clock.now());
    return removed;
  }

  async #all(signal: AbortSignal | undefined): Promise<readonly StoredVersion[]> {
    const found: StoredVersion[] = [];
    for await (const batch of this.#shelf.list(ROOT, signal ? { signal } : {}))
      for (const version of batch) found.push(version);
    return found;
  }

  async #due(
    root: SafeRoot,
    versions: readonly StoredVersion[],
    { reached }: PruneOptions,
  ): Promise<readonly StoredVersion[]> {
    const { clock, keep } = this.#options;
    const sinceMs = keptSince(keep, clock.now());
    const held = versions.filter((one) => one.isOnlyCopy && one.keptAtMs < sinceMs);
    const released = held.length > 0 ? await reached(held.slice(-MAX_ONLY_COPIES)) : NONE;
    const { freeBytes } = await root.space();
    const roomBytes = roomFor(keep, { keptBytes: bytesOf(versions), freeBytes });
    return versionsDue(versions, { sinceMs, roomBytes, released });
  }

  async #remove(
    root: SafeRoot,
    due: readonly StoredVersion[],
    signal: AbortSignal | undefined,
  ): Promise<PruneResult> {
    let bytes = 0;
    let versions = 0;
    for (const version of due) {
      throwIfAborted(signal);
      try {
        const place = await placeOf(root, version);
        if (place !== null) await removeIfThere(root, place);
        bytes += version.sizeBytes;
        versions++;
      } catch (error) {
        this.#options.logger.warn('cannot remove an old version', {
          version: version.id,
          reason: String(error),
        });
      }
    }
    return { versions, bytes };
  }

  async #removeEmptied(
    root: SafeRoot,
    versions: readonly StoredVersion[],
    gone: ReadonlySet<StoredVersion>,
  ): Promise<void> {
    const left = new Set(versions.filter((version) => !gone.has(version)).map(({ id }) => id));
    for (const folder of await runFolders(root))
      if (!left.has(folder)) await this.#removeIfEmpty(root, folder);
  }

  /** Removes directories that hold nothing, and with the run's folder the notes about it. */
  async #removeIfEmpty(root: SafeRoot, folder: string): Promise<void> {
    try {
      if (await removeEmpty(root, `${VERSIONS}/${folder}`))
        await removeIfThere(root, notesFile(folder));
    } catch (error) {
      this.#options.logger.warn('cannot remove old versions', { folder, reason: String(error) });
    }
  }
}

/** Returns when all versions were last looked at, in ms since 1970. */
async function lookedMs(root: SafeRoot): Promise<number> {
  const marker = await root.stat(LOOKED);
  return marker ? Number(marker.mtimeNs / 1_000_000n) : Number.NEGATIVE_INFINITY;
}

async function noteLook(root: SafeRoot, nowMs: number): Promise<void> {
  try {
    if (!(await root.stat(LOOKED))) await createPrivateFile(root, LOOKED, '');
    await root.setTimes(LOOKED, BigInt(nowMs) * 1_000_000n);
  } catch {
    // No room, or a folder that was never prepared: the next run looks again.
  }
}

/** Removes the directory if nothing but empty directories is in it, and returns whether it is gone. */
async function removeEmpty(root: SafeRoot, directory: string): Promise<boolean> {
  let isEmpty = true;
  for (const { name, stat } of await root.list(directory)) {
    const isGone =
      name !== null &&
      stat?.kind === 'directory' &&
      (await removeEmpty(root, `${directory}/${name}`));
    isEmpty &&= isGone;
  }
  if (isEmpty) await root.removeDirectory(directory);
  return isEmpty;
}
