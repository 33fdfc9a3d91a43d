import { createHash } from 'node:crypto';
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Something that a user does on one side. */
type Edit =
  | { readonly do: 'write'; readonly path: string; readonly bytes: number }
  | { readonly do: 'move'; readonly path: string; readonly to: string }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'make-directory'; readonly path: string };

/** Who wrote a content: both sides had it from the beginning, or one of them made it since. */
export type Author = 'base' | 'local' | 'remote';

const LARGE = 300_000;
const EPOCH_S = 1_600_000_000;

const write = (path: string, bytes = 200): Edit => ({ do: 'write', path, bytes });
const move = (path: string, to: string): Edit => ({ do: 'move', path, to });
const remove = (path: string): Edit => ({ do: 'remove', path });
const several = (folder: string, count: number): Edit[] =>
  Array.from({ length: count }, (_, index) => write(`${folder}/${index}.txt`, 100 + index * 37));

/** What both sides agree on before anybody edits: 41 files in 9 directories. */
const BASE: readonly Edit[] = [
  ...several('keep', 8),
  ...several('docs', 7),
  ...several('docs/old', 3),
  ...several('photos', 6),
  ...several('work', 4),
  ...several('work/deep', 3),
  ...several('ring', 3),
  ...several('album', 3),
  write('swap a.txt'),
  write('swap b.txt', 300),
  write('large.bin', LARGE),
  write('kind', 90),
];

const EDITS: Readonly<Record<'local' | 'remote', readonly Edit[]>> = {
  local: [
    write('docs/0.txt', 250), // edited here alone
    write('work/0.txt', 260), // edited on both sides
    write('docs/1.txt', 270), // edited here, deleted there
    remove('docs/2.txt'), // deleted here, edited there
    remove('docs/3.txt'), // deleted on both sides
    remove('photos/0.txt'),
    remove('docs/old'),
    move('photos/1.txt', 'docs/moved.txt'),
    move('photos/2.txt', 'photos/moved and edited.txt'),
    write('photos/moved and edited.txt', 280),
    move('work/deep', 'work/deeper'), // holds a file that is edited there
    move('swap a.txt', 'swap c.txt'),
    move('swap b.txt', 'swap a.txt'),
    move('swap c.txt', 'swap b.txt'),
    write('here/new.txt', 120),
    write('here/large.bin', LARGE + 1),
    write('here/empty.txt', 0),
    write('both.txt', 130), // made on both sides
  ],
  remote: [
    write('docs/2.txt', 350),
    write('work/0.txt', 360),
    remove('docs/1.txt'),
    remove('docs/3.txt'),
    write('docs/4.txt', 370), // edited there alone
    write('large.bin', LARGE + 2),
    remove('photos/3.txt'),
    move('photos/4.txt', 'keep/moved.txt'),
    write('work/deep/0.txt', 380),
    move('album', 'albums'),
    move('ring/0.txt', 'ring/x.txt'),
    move('ring/1.txt', 'ring/0.txt'),
    move('ring/2.txt', 'ring/1.txt'),
    move('ring/x.txt', 'ring/2.txt'),
    remove('kind'),
    write('kind/file.txt', 390), // a file became a directory
    write('there/new.txt', 140),
    write('there/sub/large.bin', LARGE + 3),
    write('both.txt', 150),
    { do: 'make-directory', path: 'there/empty' },
  ],
};

/** Returns the bytes that `author` wrote at `path`: nobody else wrote the same. */
function contentOf(author: Author, path: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${author} wrote ${path}; `);
}

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function nameEveryContent(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [author, edits] of [['base', BASE] as const, ...Object.entries(EDITS)])
    for (const edit of edits)
      if (edit.do === 'write')
        names.set(
          hashOf(contentOf(author as Author, edit.path, edit.bytes)),
          `${author} ${edit.path}`,
        );
  return names;
}

const NAMES = nameEveryContent();

/** Returns who wrote a content and where, such as `local docs/0.txt`; null when nobody wrote exactly that. */
export function authorOf(content: Buffer): string | null {
  return NAMES.get(hashOf(content)) ?? null;
}

/** Makes the files that both sides have at the beginning. */
export function writeBase(root: string): Promise<void> {
  return apply('base', BASE, root);
}

/** Does what the user of that side does before the run. */
export function edit(side: 'local' | 'remote', root: string): Promise<void> {
  return apply(side, EDITS[side], root);
}

async function apply(author: Author, edits: readonly Edit[], root: string): Promise<void> {
  for (const [index, one] of edits.entries()) {
    const path = join(root, one.path);
    if (one.do === 'remove') await rm(path, { recursive: true });
    else if (one.do === 'move') await rename(path, join(root, one.to));
    else if (one.do === 'make-directory') await mkdir(path, { recursive: true });
    else {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, contentOf(author, one.path, one.bytes));
      const time = EPOCH_S + { base: 0, local: 100_000, remote: 200_000 }[author] + index * 100;
      await utimes(path, time, time);
    }
  }
}
