import { randomUUID } from 'node:crypto';
import { constants, read, write } from 'node:fs';
import { promisify } from 'node:util';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import type { Clock, Logger } from '../core/ports.ts';
import type { NodeStat, SafeRoot } from '../native/safe-root.ts';
import { errnoOf } from './dav-error.ts';
import { Feed, type FeedSettings, type SiteFeed } from './feed/feed.ts';
import { LockTable } from './lock-table.ts';
import { type ResourcePath, ROOT_PATH } from './request-path.ts';
import { ChunkLists } from './storage/chunk-lists.ts';
import { GroupSync } from './storage/group-sync.ts';
import { PathTurns } from './storage/path-turns.ts';
import { PropertyStore } from './storage/property-store.ts';
import { type Space, spaceOf } from './storage/space.ts';
import { closeAsync, Stage } from './storage/stage.ts';
import { Uploads } from './storage/uploads.ts';
import { ServerVersions } from './storage/version-store.ts';

const readAsync = promisify(read);
const writeAsync = promisify(write);

const IDENTITY = '.ferry/server.json';

/** The served tree, or what one user sees of it, with everything that requests share; see scope.ts. */
export interface Site {
  /** Where its root is in the served directory; '' for the whole. To tell users' records apart; never shown. */
  readonly prefix: ResourcePath;
  readonly root: SafeRoot;
  readonly readOnly: boolean;
  /** Random name of this tree, kept in it; null when it could not be kept. */
  readonly rootId: string | null;
  readonly stage: Stage | null;
  /** What is kept of uploads that are not complete. */
  readonly uploads: Uploads | null;
  readonly chunkLists: ChunkLists;
  /** Keeps what is replaced and removed; null: it is gone at once. */
  readonly versions: Pick<ServerVersions, 'keep' | 'placeOf' | 'list'> | null;
  readonly sync: Pick<GroupSync, 'file' | 'directories' | 'everything' | 'counts'>;
  readonly turns: Pick<PathTurns, 'run'>;
  readonly locks: LockTable;
  readonly properties: Pick<PropertyStore, 'of' | 'set' | 'forget' | 'move' | 'copy'>;
  /** Tells what has changed; null: nothing is known of that. */
  readonly feed: SiteFeed | null;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  /** Tells the feed what a request has changed; to be called before its answer. */
  changed(...paths: readonly string[]): void;
  /** What a client can see at a path: a file or directory. Links, special files and what is behind links: null. */
  look(path: ResourcePath): Promise<NodeStat | null>;
  /** Room for uploads, at most a second old, or as it is now. */
  space(isExact?: boolean): Promise<Space>;
  /** Ends answers that would never end. */
  stop(): void;
  close(): Promise<void>;
}

/** What a site is opened with; it closes the root. */
export interface SiteOptions {
  readonly root: SafeRoot;
  readonly readOnly: boolean;
  /** Null: nothing is kept. */
  readonly keepVersions: KeepVersions | null;
  /** Free space that uploads leave; a part of the disk when left out. */
  readonly reserveBytes?: number | undefined;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  /** How the change feed hears of changes; see ServeOptions. */
  readonly feed?: FeedSettings | undefined;
}

/** Opens the served tree: sweeps the stage, reads the kept properties, and makes the tree's id when it has none. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { root, readOnly, keepVersions, logger, clock } = options;
  const sync = new GroupSync(root);
  const stage = readOnly ? null : await Stage.open(root);
  const chunkLists = new ChunkLists();
  const versions =
    readOnly || keepVersions === null
      ? null
      : new ServerVersions({ root, keep: keepVersions, clock, logger });
  const properties = await PropertyStore.open(root, sync, { readOnly, logger });
  const rootId = await identify(root, stage, sync, logger);
  const feed = readOnly ? null : await Feed.open({ ...options.feed, root, logger });
  return {
    ...options,
    prefix: ROOT_PATH,
    rootId,
    stage,
    uploads: stage === null ? null : await Uploads.open(root, stage, clock),
    chunkLists,
    versions,
    sync,
    turns: new PathTurns(),
    locks: new LockTable(clock),
    properties,
    feed,
    changed: (...paths) => feed?.changed(...paths),
    look: (path) => look(root, path),
    space: spaceOf(root, clock, options.reserveBytes),
    stop: () => feed?.stop(),
    close: async () => {
      await feed?.close();
      await chunkLists.close();
      await versions?.close();
      await properties.close();
      await root.close();
    },
  };
}

const UNREACHABLE = new Set(['ELOOP', 'EXDEV', 'ENOTDIR', 'ENAMETOOLONG']);

async function look(root: SafeRoot, path: ResourcePath): Promise<NodeStat | null> {
  try {
    const stat = await root.stat(path);
    return stat?.kind === 'file' || stat?.kind === 'directory' ? stat : null;
  } catch (error) {
    if (UNREACHABLE.has(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

async function identify(
  root: SafeRoot,
  stage: Stage | null,
  sync: GroupSync,
  logger: Logger,
): Promise<string | null> {
  const kept = await readIdentity(root);
  if (kept !== null) return kept;
  if (stage === null) return null;
  const id = randomUUID();
  const staged = await stage.create();
  try {
    await writeAsync(staged.fd, `${JSON.stringify({ rootId: id })}\n`);
    await sync.file(staged.fd);
    await staged.seal();
    await root.rename(staged.path, IDENTITY, 'replace');
    await sync.directories('.ferry');
    return id;
  } catch (error) {
    await staged.discard();
    logger.warn('the identity of the served tree could not be kept', { error: String(error) });
    return null;
  }
}

async function readIdentity(root: SafeRoot): Promise<string | null> {
  if ((await root.stat(IDENTITY)) === null) return null;
  const fd = await root.open(IDENTITY, constants.O_RDONLY);
  try {
    const { bytesRead, buffer } = await readAsync(fd, Buffer.alloc(4096), 0, 4096, 0);
    const value: unknown = JSON.parse(buffer.toString('utf8', 0, bytesRead));
    const isKnown = typeof value === 'object' && value !== null && 'rootId' in value;
    return isKnown && typeof value.rootId === 'string' ? value.rootId : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a damaged file is written anew
    throw error;
  } finally {
    await closeAsync(fd);
  }
}
