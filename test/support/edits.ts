import {
  childPath,
  isAtOrBelow,
  nameOf,
  parentPath,
  type SyncPath,
} from '../../core/model/path.ts';
import { item, type World } from './world.ts';

/** One thing that a user does. */
export type Edit = (world: World) => void;

/** Who edits: their contents and identities are unlike everybody else's. */
export interface Editor {
  readonly mark: string;
  /** The names that things are moved to and made with. */
  readonly names: readonly string[];
}

/** Returns the world and all that come of it by at most `count` edits, each once. */
export function editedWorlds(world: World, editor: Editor, count: number): readonly World[] {
  const found = new Map<string, World>([[fingerprint(world), world]]);
  let latest = [world];
  for (let round = 1; round <= count; round++) {
    const next: World[] = [];
    for (const one of latest)
      for (const edit of [...editsOf(one, editor, round), ...swapsOf(one)]) {
        const edited = one.copy();
        edit(edited);
        const print = fingerprint(edited);
        if (found.has(print)) continue;
        found.set(print, edited);
        next.push(edited);
      }
    latest = next;
  }
  return [...found.values()];
}

function fingerprint(world: World): string {
  const lines = [...world.entries()].map(([path, one]) => `${path} ${one.content} ${one.identity}`);
  return lines.sort().join('\n');
}

/** Yields everything that can be done to the world in one step: delete, change of kind, edit, create, move. */
export function* editsOf(world: World, editor: Editor, round: number): Iterable<Edit> {
  const { mark } = editor;
  const entries = [...world.entries()];
  for (const [path, { kind, identity }] of entries) {
    yield (edited) => edited.take(path);
    const other = kind === 'file' ? 'directory' : 'file';
    const made = item(other, other === 'file' ? `${mark}kind` : '', `${mark}${round}`);
    yield (edited) => {
      edited.take(path);
      edited.put(path, made);
    };
    if (kind !== 'file') continue;
    yield changing(path, `${mark}edit of ${identity}`);
    yield changing(path, 'the same edit');
  }
  for (const target of freePlaces(world, editor)) {
    yield (edited) => edited.put(target, item('file', `${mark}new`, `${mark}${round}`));
    yield (edited) => edited.put(target, item('file', 'the same new file', `${mark}${round}`));
    yield (edited) => edited.put(target, item('directory', '', `${mark}${round}`));
    for (const [path] of entries)
      if (!isAtOrBelow(target, path)) yield (edited) => edited.move(path, target);
  }
}

function changing(path: SyncPath, content: string): Edit {
  return (edited) => {
    const file = edited.get(path);
    if (file !== null) file.content = content;
  };
}

function freePlaces(world: World, { names }: Editor): readonly SyncPath[] {
  const directories = ['' as SyncPath];
  for (const [path, { kind }] of world.entries()) if (kind === 'directory') directories.push(path);
  return directories
    .flatMap((directory) => names.map((name) => childPath(directory, name)))
    .filter((path) => world.get(path) === null);
}

function* swapsOf(world: World): Iterable<Edit> {
  const paths = [...world.entries()].map(([path]) => path);
  for (const one of paths)
    for (const other of paths) {
      if (one >= other || isAtOrBelow(one, other) || isAtOrBelow(other, one)) continue;
      yield (edited) => {
        const first = edited.take(one);
        const second = edited.take(other);
        edited.get(parentPath(one))?.children.set(nameOf(one), second);
        edited.get(parentPath(other))?.children.set(nameOf(other), first);
      };
    }
}

/** A stream of numbers that only depends on its seed. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
