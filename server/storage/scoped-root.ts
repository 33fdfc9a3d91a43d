import { PRIVATE_FOLDER } from '../../core/model/path.ts';
import type { DirectoryListing, SafeRoot } from '../../native/safe-root.ts';
import type { ResourcePath } from '../request-path.ts';

/**
 * Returns where `path`, as a user with that root sees it, is in the served directory. Ferry's own folder (stage,
 * versions, properties) is one for all users; no request can name it, so what begins with it comes from the server.
 */
export function placeIn(prefix: ResourcePath, path: string): ResourcePath {
  if (prefix === '' || isOwn(path)) return path as ResourcePath;
  return (path === '' ? prefix : `${prefix}/${path}`) as ResourcePath;
}

/** Returns a place in the served directory as the user with that root sees it; '' for what lies above their root. */
export function seenFrom(prefix: ResourcePath, place: string): ResourcePath {
  if (prefix === '' || isOwn(place)) return place as ResourcePath;
  return (place.startsWith(`${prefix}/`) ? place.slice(prefix.length + 1) : '') as ResourcePath;
}

function isOwn(path: string): boolean {
  return path === PRIVATE_FOLDER || path.startsWith(`${PRIVATE_FOLDER}/`);
}

/**
 * Returns the part of a root that a user sees: every path is taken below `prefix`. As paths have no `..` and links are
 * not followed, nothing above can be reached. The underlying root stays open when this one is closed.
 */
export function scopedRoot(root: SafeRoot, prefix: ResourcePath): SafeRoot {
  if (prefix === '') return root;
  const at = (path: string): string => placeIn(prefix, path);
  const unplaced = (listing: DirectoryListing): DirectoryListing => ({
    ...listing,
    path: seenFrom(prefix, listing.path),
  });
  return {
    backend: root.backend,
    absolutePath: root.absolutePath,
    timePrecisionNs: root.timePrecisionNs,
    open: (path, flags, mode) => root.open(at(path), flags, mode),
    createFiles: (files) =>
      root.createFiles(files.map((file) => ({ ...file, path: at(file.path) }))),
    readFiles: (requests) =>
      root.readFiles(requests.map((request) => ({ ...request, path: at(request.path) }))),
    renameFiles: (pairs) =>
      root.renameFiles(pairs.map((pair) => ({ ...pair, from: at(pair.from), to: at(pair.to) }))),
    makeDirectories: (items) =>
      root.makeDirectories(items.map((item) => ({ ...item, path: at(item.path) }))),
    hashFile: (path, options) => root.hashFile(at(path), options),
    chunkFile: (path, averageBytes, options) => root.chunkFile(at(path), averageBytes, options),
    copyRange: (source, target, length, hasher) => root.copyRange(source, target, length, hasher),
    startWriteback: (range, length) => root.startWriteback(range, length),
    createHasher: () => root.createHasher(),
    stat: (path) => root.stat(at(path)),
    statDescriptor: (fd) => root.statDescriptor(fd),
    list: async (path) => {
      const items = await root.list(at(path));
      // A folder of that name in a user's root would otherwise be taken for the server's own.
      return path === '' ? items.filter(({ name }) => name !== PRIVATE_FOLDER) : items;
    },
    survey: async (requests, options) => {
      const placed = requests.map((request) => ({ ...request, path: at(request.path) }));
      return (await root.survey(placed, options)).map(unplaced);
    },
    makeDirectory: (path, mode) => root.makeDirectory(at(path), mode),
    removeFile: (path) => root.removeFile(at(path)),
    removeDirectory: (path) => root.removeDirectory(at(path)),
    rename: (from, to, mode) => root.rename(at(from), at(to), mode),
    hardLink: (from, to) => root.hardLink(at(from), at(to)),
    makeLink: (path, target) => root.makeLink(at(path), target),
    readLink: (path) => root.readLink(at(path)),
    setTimes: (path, mtimeNs) => root.setTimes(at(path), mtimeNs),
    setTimesOfDescriptor: (fd, mtimeNs) => root.setTimesOfDescriptor(fd, mtimeNs),
    setMode: (path, mode) => root.setMode(at(path), mode),
    syncFileSystem: () => root.syncFileSystem(),
    syncDirectory: (path) => root.syncDirectory(at(path)),
    space: () => root.space(),
    close: () => Promise.resolve(),
  };
}
