import type { Side } from '../../core/model/entry.ts';
import type { Inode } from './tree.ts';

/** What a side holds: texts of files, `/` for directories and `->TARGET` for links, by path. */
export type Picture = ReadonlyMap<string, string>;

/** What both sides hold. */
export type Pictures = Readonly<Record<Side, Picture>>;

/** Draws all that is below `root`, temporary names included. */
export function pictureOf(root: Inode): Picture {
  const picture = new Map<string, string>();
  draw(root, '', picture);
  return picture;
}

function draw(directory: Inode, prefix: string, picture: Map<string, string>): void {
  for (const [name, node] of directory.children) {
    const path = prefix + name;
    if (node.kind === 'directory') {
      picture.set(path, '/');
      draw(node, `${path}/`, picture);
    } else picture.set(path, node.kind === 'symlink' ? `->${node.text}` : node.text);
  }
}

/** Tells whether what a picture holds at a path is the text of a file. */
export function isFileText(drawn: string | undefined): drawn is string {
  return drawn !== undefined && drawn !== '/' && !drawn.startsWith('->');
}

export function isSamePicture(one: Picture, other: Picture): boolean {
  if (one.size !== other.size) return false;
  for (const [path, drawn] of one) if (other.get(path) !== drawn) return false;
  return true;
}

/** Says in one line how two pictures differ. */
export function difference(one: Picture, other: Picture): string {
  const paths = [...new Set([...one.keys(), ...other.keys()])].sort();
  return paths
    .filter((path) => one.get(path) !== other.get(path))
    .map((path) => `${path}: ${one.get(path) ?? 'nothing'} | ${other.get(path) ?? 'nothing'}`)
    .join(', ');
}

/** Returns the first segment of a path. */
export function topOf(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path : path.slice(0, slash);
}
