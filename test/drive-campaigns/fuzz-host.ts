// A program that does random things with files below a directory, and logs outside of it what it wrote and replaced.
// Arguments: directory, log, seed, own names (a prefix; none: all names), pause between operations in ms.
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { noteLine } from './fuzz-log.ts';
import { temporaryName } from './write-log.ts';

const [directory = '', log = '', seed = '1', own = '', pause = '20'] = process.argv.slice(2);
const random = new Random(Number(seed));
const FOLDERS = ['', 'one', 'two', 'one/deep', 'three', 'two/low'];
const NAMES = 20;
const OWNERS = ['p0', 'p1', 'p2', 'p3', 'c'];
const MAX_BYTES = 60_000;
/** Content of more than 1 MiB comes in parts. */
const LARGE_BYTES = 3_000_000;

let count = 0;
let isEnding = false;

function content(): Buffer {
  count += 1;
  const word = `${own === '' ? 'client' : own} ${seed} ${count}\n`;
  const most = random.below(12) === 0 ? LARGE_BYTES : MAX_BYTES;
  const size = random.below(4) === 0 ? random.below(most) : word.length + random.below(400);
  return Buffer.alloc(Math.max(size, word.length), word);
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What is at a path now, for the log: whoever replaces it has seen it. */
function seenAt(path: string): string[] {
  try {
    return [hashOf(readFileSync(join(directory, path)))];
  } catch {
    return []; // nothing, or a directory
  }
}

function place(): string {
  const folder = FOLDERS[random.below(FOLDERS.length)] ?? '';
  const owner = own === '' ? OWNERS[random.below(OWNERS.length)] : own;
  return join(folder, `${owner}-${random.below(NAMES)}.txt`);
}

/** Files that are there and are this program's to change, wherever they are by now. */
function existing(): string | null {
  const folder = FOLDERS[random.below(FOLDERS.length)] ?? '';
  const names = readdirSync(join(directory, folder)).filter((name) => {
    const isOwn = own === '' || name.startsWith(`${own}-`);
    return isOwn && !name.startsWith('.') && statSync(join(directory, folder, name)).isFile();
  });
  const name = names[random.below(names.length)];
  return name === undefined ? null : join(folder, name);
}

interface Step {
  readonly what: string;
  readonly at: string;
  readonly wrote?: Buffer;
  readonly read?: Buffer;
  /** Paths of which something else is there then. */
  readonly replaces: readonly string[];
  /** Hashes of contents that are known to be replaced. */
  readonly replaced?: readonly string[];
  readonly run: () => void;
  readonly end?: () => void;
}

function writing(): Step {
  const at = place();
  const wrote = content();
  const file = join(directory, at);
  if (random.below(2) === 0)
    return { what: 'write', at, wrote, replaces: [at], run: () => writeFileSync(file, wrote) };
  const temporary = join(dirname(file), temporaryName(own === '' ? 'c' : own, count));
  const run = () => {
    try {
      writeFileSync(temporary, wrote, { flush: true });
      renameSync(temporary, file);
    } finally {
      rmSync(temporary, { force: true });
    }
  };
  return { what: 'save', at, wrote, replaces: [at], run };
}

/**
 * Adds to a file, or cuts it, through one handle: what is read before is what is changed then, as sync replaces no
 * file of a drive that is open for writing.
 */
function editing(at: string): Step {
  const handle = openSync(join(directory, at), 'r+');
  try {
    const before = readFileSync(handle);
    const isCut = random.below(3) === 0 || before.length > MAX_BYTES * 2;
    const more = isCut ? null : content();
    const wrote =
      more === null
        ? before.subarray(0, random.below(before.length + 1))
        : Buffer.concat([before, more]);
    const run = (): void => {
      if (more === null) ftruncateSync(handle, wrote.length);
      else writeSync(handle, more, 0, more.length, before.length);
    };
    const replaced = [hashOf(before)];
    const end = (): void => closeSync(handle);
    return { what: isCut ? 'cut' : 'append', at, wrote, replaces: [], replaced, run, end };
  } catch (error) {
    closeSync(handle);
    throw error;
  }
}

function reading(at: string): Step {
  const read = readFileSync(join(directory, at));
  return { what: 'read', at, read, replaces: [], run: () => undefined };
}

function touching(at: string): Step {
  const seconds = 1_500_000_000 + random.below(100_000_000);
  const run = () => utimesSync(join(directory, at), seconds, seconds);
  return { what: 'touch', at, replaces: [], run };
}

function changing(at: string): Step {
  const file = join(directory, at);
  switch (random.below(8)) {
    case 0:
    case 1:
      return editing(at);
    case 2:
      return { what: 'remove', at, replaces: [at], run: () => unlinkSync(file) };
    case 3:
      return touching(at);
    case 4:
      return reading(at);
    default: {
      const to = place();
      const run = () => renameSync(file, join(directory, to));
      return { what: `move to ${to}`, at, replaces: to === at ? [] : [to], run };
    }
  }
}

function shaping(): Step {
  const at = FOLDERS[1 + random.below(FOLDERS.length - 1)] ?? 'one';
  const file = join(directory, at);
  if (existsSync(file) && random.below(4) === 0)
    return { what: 'rmdir', at, replaces: [], run: () => rmdirSync(file) };
  if (random.below(4) === 0) {
    const to = FOLDERS[1 + random.below(FOLDERS.length - 1)] ?? 'two';
    const run = () => renameSync(file, join(directory, to));
    return { what: `move the folder to ${to}`, at, replaces: [], run };
  }
  return {
    what: 'mkdir',
    at,
    replaces: [],
    run: () => void mkdirSync(file, { recursive: true }),
  };
}

function chosen(): Step {
  const kind = random.below(10);
  if (kind < 1) return shaping();
  const at = kind < 6 ? null : existing();
  return at === null ? writing() : changing(at);
}

const failures: Record<string, number> = {};

function carryOut({ what, at, wrote, read, replaces, replaced = [], run, end }: Step): void {
  try {
    const line = {
      what,
      at,
      ...(wrote === undefined ? {} : { wrote: hashOf(wrote) }),
      ...(read === undefined ? {} : { read: hashOf(read) }),
      replaced: [...replaced, ...replaces.flatMap(seenAt)],
    };
    noteLine(log, { step: 'begin', ...line });
    run();
    noteLine(log, { step: 'done', ...line });
  } finally {
    end?.();
  }
}

function step(): void {
  try {
    carryOut(chosen());
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    failures[code] = (failures[code] ?? 0) + 1;
  }
}

process.on('message', () => {
  isEnding = true;
});
noteLine(log, { step: 'begin', what: 'start', at: '', replaced: [] });
while (!isEnding) {
  step();
  await sleep(random.below(2 * Number(pause)));
}
process.send?.({ failures });
process.disconnect();
