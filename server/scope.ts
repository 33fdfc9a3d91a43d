import { createHash } from 'node:crypto';
import type { ResourcePath } from './request-path.ts';
import type { Site } from './site.ts';
import { placeIn, scopedRoot, seenFrom } from './storage/scoped-root.ts';

/** What a request may see of the served tree, and whether it may change it. */
export interface Scope {
  /** The directory that is its root; '' for the whole tree. */
  readonly root: ResourcePath;
  readonly readOnly: boolean;
}

/** More scopes than any list of users has are not kept. */
const MAX_KEPT = 1000;

/**
 * Returns the function that gives each scope its own view of the site. A method that is handed a view works with paths
 * below the view's root, and has no way to name or learn of anything else; a read-only view has no stage to write to.
 */
export function createScopes(site: Site): (scope: Scope) => Site {
  const views = new Map<string, Site>();
  return ({ root, readOnly }) => {
    if (root === '' && (!readOnly || site.readOnly)) return site;
    const key = `${readOnly ? 'r' : 'w'}${root}`;
    const known = views.get(key);
    if (known !== undefined) return known;
    if (views.size >= MAX_KEPT) views.clear();
    const view = viewOf(site, root, readOnly || site.readOnly);
    views.set(key, view);
    return view;
  };
}

/** Names every member, so that a new one cannot get into a view with the paths of the whole tree. */
function viewOf(site: Site, prefix: ResourcePath, readOnly: boolean): Site {
  const { properties, sync, turns, versions } = site;
  const at = (path: string): ResourcePath => placeIn(prefix, path);
  return {
    prefix,
    root: scopedRoot(site.root, prefix),
    readOnly,
    rootId: site.rootId === null ? null : rootIdOf(site.rootId, prefix),
    stage: readOnly ? null : site.stage,
    uploads: readOnly ? null : site.uploads,
    // By a file's state, which only somebody knows who sees the file.
    chunkLists: site.chunkLists,
    versions:
      versions === null
        ? null
        : {
            keep: (from, path, isOnlyCopy) => versions.keep(at(from), at(path), isOnlyCopy),
            // The root itself has no version, here as in the whole tree.
            placeOf: (id, path) => (path === '' ? null : versions.placeOf(id, at(path))),
            async *list(path) {
              for await (const version of versions.list(at(path)))
                yield { ...version, path: seenFrom(prefix, version.path) };
            },
          },
    sync: {
      get counts() {
        return sync.counts;
      },
      file: (fd) => sync.file(fd),
      directories: (...paths) => sync.directories(...paths.map(at)),
      everything: () => sync.everything(),
    },
    turns: { run: (paths, change) => turns.run(paths.map(at), change) },
    locks: site.locks.within(prefix),
    properties: {
      of: (path) => properties.of(at(path)),
      set: (path, values) => properties.set(at(path), values),
      forget: (path) => properties.forget(at(path)),
      move: (from, to) => properties.move(at(from), at(to)),
      copy: (from, to, depth) => properties.copy(at(from), at(to), depth),
    },
    feed: site.feed?.within(prefix) ?? null,
    changed: (...paths) => site.changed(...paths.map(at)),
    logger: site.logger,
    clock: site.clock,
    look: (path) => site.look(at(path)),
    space: (isExact) => site.space(isExact),
    stop: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Another id for each root, so that a client notices when its account is pointed elsewhere. */
function rootIdOf(rootId: string, prefix: ResourcePath): string {
  if (prefix === '') return rootId;
  const hex = createHash('sha256').update(`${rootId}\0${prefix}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
