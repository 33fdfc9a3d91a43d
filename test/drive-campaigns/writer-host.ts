// A program that creates, changes, syncs, renames and removes files in a drive, and logs outside of it what was durable.
// Arguments: directory, log, seed, and `careful` to wait while the bare mount point is to be seen. It is told over the IPC channel to pause and to go on.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { type Content, contentOf, TEMPORARY, temporaryName, writeLine } from './write-log.ts';

const [directory = '', log = '', seed = '1', care = ''] = process.argv.slice(2);
const random = new Random(Number(seed));
const MAX_FILES = 40;
const MAX_BYTES = 150_000;
const PAUSE_MS = 5;

/** Device of the bare mount point; a drive is never on it. */
const bare = care === 'careful' ? statSync(dirname(directory)).dev : null;

let isPaused = false;
let operations = 0;
let longestMs = 0;
/** What each file is, as far as this program was told that it is done. */
const files = new Map<string, Buffer>();
/** Those whose last operation failed: nobody knows what is in them, so they are left alone. */
const doubtful = new Set<string>();

function bytes(): Buffer {
  const size = random.below(3) === 0 ? random.below(MAX_BYTES) : random.below(5000);
  const content = Buffer.alloc(size);
  const word = `${seed}-${operations}-`;
  for (let at = 0; at < size; at += word.length) content.write(word, at, 'latin1');
  for (let at = 0; at < size; at += 997) content[at] = random.below(256);
  return content;
}

function writeAll(file: string, flags: string, content: Buffer): void {
  const fd = openSync(join(directory, file), flags, 0o644);
  try {
    for (let at = 0; at < content.length; )
      at += writeSync(fd, content, at, undefined, flags === 'a' ? null : at);
    if (flags === 'r+') ftruncateSync(fd, content.length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

interface Operation {
  readonly path: string;
  readonly after: Buffer | null;
  readonly inPlace: boolean;
  readonly run: () => void;
}

function chosen(): Operation {
  const known = [...files.keys()].filter((name) => !doubtful.has(name));
  const name = known[random.below(known.length)];
  const kind = random.below(10);
  if (name === undefined || (kind < 3 && known.length < MAX_FILES)) {
    const path = `file ${operations}`;
    const after = bytes();
    return { path, after, inPlace: true, run: () => writeAll(path, 'wx', after) };
  }
  const before = files.get(name) ?? Buffer.alloc(0);
  if (kind < 5) {
    const after = bytes();
    return { path: name, after, inPlace: true, run: () => writeAll(name, 'r+', after) };
  }
  if (kind < 8) {
    const after = bytes();
    const temporary = temporaryName('w', operations);
    const run = () => {
      writeAll(temporary, 'wx', after);
      renameSync(join(directory, temporary), join(directory, name));
    };
    return { path: name, after, inPlace: false, run };
  }
  if (kind < 9 && before.length < MAX_BYTES) {
    const more = bytes();
    const after = Buffer.concat([before, more]);
    return { path: name, after, inPlace: true, run: () => writeAll(name, 'a', more) };
  }
  return {
    path: name,
    after: null,
    inPlace: false,
    run: () => unlinkSync(join(directory, name)),
  };
}

function step(): boolean {
  operations += 1;
  const { path, after, inPlace, run } = chosen();
  const content: Content = after === null ? null : contentOf(after);
  writeLine(log, { step: 'begin', path, content, inPlace });
  const begunMs = performance.now();
  try {
    run();
    writeLine(log, { step: 'done', path, content, inPlace });
    if (after === null) files.delete(path);
    else files.set(path, after);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    writeLine(log, { step: 'failed', path, content, inPlace });
    doubtful.add(path);
    process.send?.({ failed: code ?? String(error) });
    return false;
  } finally {
    longestMs = Math.max(longestMs, performance.now() - begunMs);
  }
}

/** What it writes into the bare directory would not be in the drive. */
function isBare(): boolean {
  if (bare === null) return false;
  try {
    return statSync(directory).dev === bare;
  } catch {
    return false; // the drive's process has died
  }
}

/** What is in the drive now, as this program sees it. */
function seen(): Record<string, Content> {
  const found: Record<string, Content> = {};
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (!name.startsWith(TEMPORARY) && existsSync(file))
      found[name] = contentOf(readFileSync(file));
  }
  return found;
}

type Order = 'pause' | 'go' | 'look' | 'tidy' | 'end' | { readonly leave: readonly string[] };

process.on('message', (order: Order) => {
  if (order === 'end') process.exit(0);
  if (typeof order === 'object') {
    for (const path of order.leave) doubtful.add(path);
    process.send?.({ left: true });
    return;
  }
  if (order === 'tidy') {
    for (const name of readdirSync(directory))
      if (name.startsWith(TEMPORARY)) unlinkSync(join(directory, name));
    process.send?.({ tidied: true });
  } else if (order === 'look') process.send?.({ seen: seen() });
  else {
    isPaused = order === 'pause';
    process.send?.({ [order]: true, operations, longestMs });
  }
});

for (;;) {
  await sleep(PAUSE_MS);
  // While the drive is away nothing is lost by waiting.
  if (!isPaused && (isBare() || !step())) await sleep(50);
}
