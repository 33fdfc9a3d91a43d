import { access, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedStore } from './checked-store.ts';
import { openStore, type Store } from './store.ts';

/** Why a store was put aside: it was damaged, or a reset has replaced it. */
export type AsideReason = 'damaged' | 'bak';

/**
 * Where a pair's records live: the store, the note outside it of how far it reached, and copies of earlier stores. In
 * use it is a directory; the simulation has its own.
 */
export interface RecordsHome {
  /**
   * Opens the store, an empty one where there is none. The next one of a reset that was cut off takes its place first,
   * if it is empty already; otherwise it is removed.
   */
  open(): Promise<Store>;
  /** Opens the store that shall take the place of the current one; always empty. */
  openNext(): Promise<Store>;
  /** Puts the next store in the place of the current one, which must be aside; durable once it resolves. */
  promoteNext(): Promise<void>;
  /** Keeps a copy of the current store and forgets the noted sequence; only a few copies are kept. */
  setAside(reason: AsideReason, nowMs: number): Promise<void>;
  /** Returns the last sequence number that a finished run noted outside the store; 0 when there is none. */
  notedSequence(): Promise<number>;
  /** Notes durably, outside the store, how far its commits reached, so that a lost end is noticed. */
  noteSequence(sequence: number): Promise<void>;
}

const STORE_FOLDER = 'records';
/** What a reset makes before it takes the place of the store. */
const NEXT_FOLDER = 'records.next';
const SEQUENCE_FILE = 'sequence';
const KEPT_COPIES = 3;

/** Returns the records' home in a directory of the pair's own; the directory is made when it is first opened. */
export function recordsHomeIn(directory: string): RecordsHome {
  const store = join(directory, STORE_FOLDER);
  const next = join(directory, NEXT_FOLDER);
  return {
    async open() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      // The process ended in a reset: right between its two renames, or before them.
      if (await exists(store)) await rm(next, { recursive: true, force: true });
      else if (await exists(next)) await rename(next, store);
      return checkedStore(await openStore(store));
    },
    async openNext() {
      await rm(next, { recursive: true, force: true });
      return checkedStore(await openStore(next));
    },
    async promoteNext() {
      await rename(next, store);
      await syncDirectory(directory);
    },
    setAside: (reason, nowMs) => setAside(directory, reason, nowMs),
    notedSequence: () => notedSequence(directory),
    noteSequence: (sequence) => noteSequence(directory, sequence),
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function notedSequence(directory: string): Promise<number> {
  try {
    return Number.parseInt(await readFile(join(directory, SEQUENCE_FILE), 'utf8'), 10) || 0;
  } catch {
    return 0; // none noted yet, or unreadable: the store's own digest still counts
  }
}

async function setAside(directory: string, reason: AsideReason, nowMs: number): Promise<void> {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-');
  const suffix = `.${reason}`;
  // First: it would call the store that comes next incomplete.
  await rm(join(directory, SEQUENCE_FILE), { force: true });
  await rename(join(directory, STORE_FOLDER), join(directory, `${STORE_FOLDER}.${stamp}${suffix}`));
  const copies = (await readdir(directory)).filter(
    (name) => name.startsWith(`${STORE_FOLDER}.`) && name.endsWith(suffix),
  );
  for (const old of copies.sort().slice(0, -KEPT_COPIES))
    await rm(join(directory, old), { recursive: true, force: true });
}

async function noteSequence(directory: string, sequence: number): Promise<void> {
  if ((await notedSequence(directory)) === sequence) return;
  const path = join(directory, SEQUENCE_FILE);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${sequence}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}
