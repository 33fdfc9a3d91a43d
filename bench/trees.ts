import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { SeededRandom } from './random.ts';

/** Sizes are log-normal around the median; 0: all files are empty. */
export interface TreeShape {
  readonly files: number;
  readonly directories: number;
  readonly medianBytes: number;
  readonly meanBytes: number;
  readonly seed: number;
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Everything generated is dated well before the run. */
const FIRST_TIME_S = 1_700_000_000;
const MAX_DEPTH = 5;

/** Writes a tree of files. */
export function makeTree(root: string, shape: TreeShape): void {
  const { files, directories, medianBytes, meanBytes, seed } = shape;
  const random = new SeededRandom(seed);
  const spread =
    medianBytes > 0 && meanBytes > medianBytes
      ? Math.sqrt(2 * Math.log(meanBytes / medianBytes))
      : 0;
  const places = [root];
  fs.mkdirSync(root, { recursive: true });
  for (let index = 1; index < directories; index++) {
    const above = places[random.below(Math.min(places.length, 60))] as string;
    const isDeep = above.slice(root.length).split('/').length > MAX_DEPTH;
    const place = join(isDeep ? root : above, `folder ${index}`);
    fs.mkdirSync(place);
    places.push(place);
  }
  for (let index = 0; index < files; index++) {
    const size = Math.round(medianBytes * Math.exp(spread * random.normal()));
    const file = join(places[index % places.length] as string, `file ${index}.dat`);
    const isEmpty = medianBytes === 0;
    fs.writeFileSync(
      file,
      isEmpty ? '' : random.bytes(Math.min(MAX_FILE_BYTES, Math.max(1, size))),
    );
    const time = FIRST_TIME_S + (index % 1_000_000);
    fs.utimesSync(file, time, time);
  }
}

/** How many files are changed in which way. */
export interface Changes {
  readonly edited: number;
  readonly created: number;
  readonly deleted: number;
  readonly renamed: number;
}

/** Every file below a folder, in order of names; what programs keep for themselves is left out. */
export function filesBelow(folder: string): string[] {
  const items = fs.readdirSync(folder, { withFileTypes: true });
  items.sort((one, other) => (one.name < other.name ? -1 : 1));
  return items.flatMap((item) => {
    if (isPrivate(item.name)) return [];
    const path = join(folder, item.name);
    return item.isDirectory() ? filesBelow(path) : item.isFile() ? [path] : [];
  });
}

/** Tells whether a name belongs to one of the programs that are compared. */
export function isPrivate(name: string): boolean {
  return ['.ferry', '.stfolder', '.DAV'].includes(name) || name.startsWith('.syncthing.');
}

/** Changes files; different values of `skip` change different ones. */
export function changeTree(root: string, changes: Changes, seed: number, skip: number): void {
  const random = new SeededRandom(seed);
  const files = new SeededRandom(12_345).shuffle(filesBelow(root));
  let at = skip;
  const take = (): string => files[at++ % files.length] as string;
  for (let index = 0; index < changes.edited; index++) editFile(take(), random, index % 2 === 1);
  for (let index = 0; index < changes.deleted; index++) fs.unlinkSync(take());
  for (let index = 0; index < changes.renamed; index++) {
    const file = take();
    fs.renameSync(file, join(dirname(file), `renamed ${seed} ${index}`));
  }
  for (let index = 0; index < changes.created; index++)
    fs.writeFileSync(join(dirname(take()), `created ${seed} ${index}`), random.bytes(4096));
}

/** Every second edit keeps the size. */
function editFile(file: string, random: SeededRandom, keepsSize: boolean): void {
  const content = fs.readFileSync(file);
  if (!keepsSize || content.length === 0) {
    fs.appendFileSync(file, random.bytes(100));
    return;
  }
  const length = Math.min(content.length, 64);
  random.bytes(length).copy(content, random.below(content.length - length + 1));
  fs.writeFileSync(file, content);
}

const PIECE = 4 * 1024 * 1024;

/** Writes one large file. */
export function makeBigFile(file: string, bytes: number, seed: number): void {
  const random = new SeededRandom(seed);
  fs.mkdirSync(dirname(file), { recursive: true });
  const fd = fs.openSync(file, 'w');
  for (let left = bytes; left > 0; left -= PIECE)
    fs.writeSync(fd, random.bytes(Math.min(left, PIECE)));
  fs.closeSync(fd);
  fs.utimesSync(file, FIRST_TIME_S, FIRST_TIME_S);
}

/** Inserts bytes in the middle of a large file and overwrites blocks of 4 KiB, in a new file that takes its name. */
export function editBigFile(
  file: string,
  { edits, insertBytes, seed }: { edits: number; insertBytes: number; seed: number },
): void {
  const random = new SeededRandom(seed);
  const size = fs.statSync(file).size;
  const from = fs.openSync(file, 'r');
  const to = fs.openSync(`${file}.new`, 'w');
  const buffer = Buffer.alloc(PIECE);
  let written = 0;
  const copy = (start: number, end: number): void => {
    for (let at = start; at < end; ) {
      const count = fs.readSync(from, buffer, 0, Math.min(PIECE, end - at), at);
      written += fs.writeSync(to, buffer, 0, count, written);
      at += count;
    }
  };
  const middle = Math.floor(size / 2);
  copy(0, middle);
  written += fs.writeSync(to, random.bytes(insertBytes), 0, insertBytes, written);
  copy(middle, size);
  for (let index = 0; index < edits; index++)
    fs.writeSync(to, random.bytes(4096), 0, 4096, random.below(Math.floor(written / 4096)) * 4096);
  fs.closeSync(from);
  fs.closeSync(to);
  fs.renameSync(`${file}.new`, file);
}

/** Returns what differs between two trees, in a word or two; `equal` when nothing does. */
export function compareTrees(one: string, other: string): string {
  const names = (root: string): Map<string, string> =>
    new Map(filesBelow(root).map((file) => [file.slice(root.length), file]));
  const [left, right] = [names(one), names(other)];
  const missing = [...left.keys()].filter((name) => !right.has(name)).length;
  const extra = [...right.keys()].filter((name) => !left.has(name)).length;
  const differing = [...left].filter(([name, file]) => {
    const twin = right.get(name);
    return twin !== undefined && !sameContent(file, twin);
  }).length;
  return missing + extra + differing === 0
    ? 'equal'
    : `${missing} missing, ${extra} extra, ${differing} differ`;
}

function sameContent(one: string, other: string): boolean {
  const size = fs.statSync(one).size;
  if (fs.statSync(other).size !== size) return false;
  const [left, right] = [fs.openSync(one, 'r'), fs.openSync(other, 'r')];
  try {
    const [a, b] = [Buffer.alloc(Math.min(size, PIECE)), Buffer.alloc(Math.min(size, PIECE))];
    for (let at = 0; at < size; at += PIECE) {
      const count = fs.readSync(left, a, 0, a.length, at);
      fs.readSync(right, b, 0, b.length, at);
      if (a.compare(b, 0, count, 0, count) !== 0) return false;
    }
    return true;
  } finally {
    fs.closeSync(left);
    fs.closeSync(right);
  }
}
