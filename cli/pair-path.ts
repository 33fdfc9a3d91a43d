import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { parseSyncPath, ROOT, type SyncPath } from '../core/model/path.ts';
import type { Config } from '../daemon/config.ts';
import { parseRemote } from '../daemon/remote-address.ts';
import { type Context, usage } from './context.ts';

/** A path inside a pair or drive. */
export interface PairPath {
  readonly pair: string;
  readonly path: SyncPath;
}

/** Returns a path with its existing part in the form without links; what it ends with may be gone. */
function withoutLinks(absolutePath: string): string {
  try {
    return realpathSync(absolutePath);
  } catch {
    const parent = dirname(absolutePath);
    return parent === absolutePath
      ? absolutePath
      : join(withoutLinks(parent), basename(absolutePath));
  }
}

/** The parent may be reached through links; the last name is the entry's own, which can be a link itself. */
function spellings(absolutePath: string): readonly string[] {
  const parent = dirname(absolutePath);
  return [
    absolutePath,
    join(withoutLinks(parent), basename(absolutePath)),
    withoutLinks(absolutePath),
  ];
}

function pathBelow(root: string, absolutePath: string): SyncPath | null {
  for (const base of new Set([root, withoutLinks(root)]))
    for (const spelling of spellings(absolutePath)) {
      const below = relative(base, spelling);
      const isInside = below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
      if (isInside) return parseSyncPath(below.split(sep).join('/'));
    }
  return null;
}

/** Returns the folders in which a pair's or drive's files can be named. */
function rootsOf(context: Context, config: Config): readonly (readonly [string, string])[] {
  const remoteFolder = (remote: string): readonly string[] => {
    const address = parseRemote(remote, config, context.cwd);
    return address.kind === 'folder' ? [address.absolutePath] : [];
  };
  return [
    ...[...config.pairs].flatMap(([name, { local, remote }]) =>
      [local, ...remoteFolder(remote)].map((root) => [name, root] as const),
    ),
    ...[...config.drives].map(([name, { mountPoint }]) => [name, mountPoint] as const),
  ];
}

/**
 * Returns what a path that was typed can mean, the likeliest first: an absolute path, one from the current folder, or
 * one from the root of a pair. The entry need not exist.
 * @throws CONFIG_INVALID for an absolute path outside of all pairs, or when there is no such pair
 */
export function pairPathsOf(
  context: Context,
  config: Config,
  text: string,
  only?: string,
): readonly PairPath[] {
  const names = [...config.pairs.keys(), ...config.drives.keys()];
  if (only !== undefined && !names.includes(only))
    throw usage(`there is no pair named ${only}: ferry pair list`);
  const absolutePath = resolve(context.cwd, text);
  const found: PairPath[] = [];
  for (const [pair, root] of rootsOf(context, config)) {
    if (only !== undefined && pair !== only) continue;
    const path = pathBelow(root, absolutePath);
    if (path !== null) found.push({ pair, path });
  }
  // Pairs can be inside each other: the innermost is meant.
  found.sort((a, b) => a.path.length - b.path.length);
  if (isAbsolute(text)) {
    if (found.length > 0) return found;
    throw usage(`${text} is in none of the pairs and drives: ferry status lists them`);
  }
  const trimmed = text.replace(/^\.\//, '').replace(/\/+$/, '');
  if (trimmed === '.' || trimmed.split('/').includes('..')) return found;
  const path = trimmed === '' ? ROOT : parseSyncPath(trimmed);
  const isNew = (one: PairPath) =>
    !found.some((other) => other.pair === one.pair && other.path === one.path);
  const fromRoots = (only === undefined ? names : [only]).map((pair) => ({ pair, path }));
  return [...found, ...fromRoots.filter(isNew)];
}
