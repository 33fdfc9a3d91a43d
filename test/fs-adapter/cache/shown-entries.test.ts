import { beforeEach, describe, expect, test } from '@jest/globals';
import { Subject } from 'rxjs';
import type { Version } from '../../../core/model/entry.ts';
import { nameOf, type SyncPath } from '../../../core/model/path.ts';
import type { Clock } from '../../../core/ports.ts';
import type { DriveEntry, DriveFile } from '../../../fs-adapter/cache/drive-tree.ts';
import { type SavingTree, ShownEntries } from '../../../fs-adapter/cache/shown-entries.ts';
import { TemporaryNames } from '../../../fs-adapter/cache/temporary-names.ts';

/** Time that passes only when the test lets it. */
class TestTime implements Clock {
  #nowMs = 1_700_000_000_000;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ untilMs: this.#nowMs + ms, wake }));
  }

  /** As somebody sets the clock of a machine back. */
  setBack(ms: number): void {
    this.#nowMs -= ms;
    this.#sleepers = this.#sleepers.map(({ untilMs, wake }) => ({ untilMs: untilMs - ms, wake }));
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs);
    for (const { wake } of due) wake();
  }

  /** Lets time pass, a millisecond after the other, until the work is done. */
  async until(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const ended = work.finally(() => {
      isDone = true;
    });
    for (let waitedMs = 0; !isDone && waitedMs < 10_000; waitedMs += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!isDone) this.pass(1);
    }
    await ended;
  }
}

const ROOT_ENTRY: DriveEntry = {
  kind: 'directory',
  id: 0,
  identity: 0,
  parentId: null,
  name: '',
  isNameValid: true,
  mode: 0o755,
  mtimeNs: 0n,
  counter: 0,
  isPinned: false,
  isPlaced: true,
};

/** A few files, and what programs do with them. */
class FewFiles implements SavingTree {
  readonly changes = new Subject<SyncPath>();
  readonly changes$ = this.changes.asObservable();
  readonly files = new Map<string, DriveFile>();
  readonly clock: Clock;
  #lastId = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  find = (path: SyncPath): DriveEntry | null => (path === '' ? ROOT_ENTRY : this.#file(path));
  pathOf = (id: number): SyncPath | null =>
    ([...this.files].find(([, file]) => file.id === id)?.[0] as SyncPath) ?? null;

  disown = (id: number, expected: number): boolean => {
    const path = this.pathOf(id);
    const file = path === null ? null : this.#file(path);
    if (path === null || file?.counter !== expected || file.state === 'placeholder') return false;
    this.files.set(path, { ...file, source: null, state: 'dirty' });
    return true;
  };

  #file(path: SyncPath): DriveFile | null {
    return this.files.get(path) ?? null;
  }

  put(path: string, file: Partial<DriveFile> = {}): void {
    this.#lastId += 1;
    this.files.set(path, {
      kind: 'file',
      id: this.#lastId,
      identity: this.#lastId,
      parentId: 0,
      name: nameOf(path as SyncPath),
      isNameValid: true,
      mode: 0o644,
      mtimeNs: BigInt(this.clock.now()) * 1_000_000n,
      counter: 1,
      isPinned: false,
      isPlaced: false,
      sizeBytes: 3,
      state: 'dirty',
      source: null,
      hash: null,
      backing: this.#lastId,
      storedBytes: 3,
      handles: 0,
      writers: 0,
      closed: null,
      usedAtMs: 0,
      ...file,
    });
    this.changes.next(path as SyncPath);
  }

  /** A file that the other side has. */
  putSynced(path: string, file: Partial<DriveFile> = {}): void {
    this.put(path, { isPlaced: true, source: 'v1' as Version, state: 'hydrated', ...file });
  }

  rename(from: string, to: string): void {
    const file = this.files.get(from);
    if (file === undefined) throw new Error(`no ${from}`);
    this.files.delete(from);
    this.files.set(to, { ...file, name: nameOf(to as SyncPath), isPlaced: false });
    this.changes.next(from as SyncPath);
    this.changes.next(to as SyncPath);
  }

  remove(path: string): void {
    this.files.delete(path);
    this.changes.next(path as SyncPath);
  }
}

describe('what the engine is shown while programs save', () => {
  let clock: TestTime;
  let tree: FewFiles;
  let shown: ShownEntries;

  beforeEach(() => {
    clock = new TestTime();
    tree = new FewFiles(clock);
    shown = new ShownEntries({ tree, clock, names: new TemporaryNames() });
  });

  const pass = (ms: number): void => clock.pass(ms);
  const judge = (path: string): string => {
    const file = tree.files.get(path);
    if (file === undefined) return 'gone';
    const showing = shown.judge(file, path as SyncPath);
    return typeof showing === 'string' ? showing : showing.code;
  };
  /** Settles, and looks at everything as an observation does. */
  const observe = async () => {
    await clock.until(shown.settled());
    const seen = [...tree.files.keys()].filter((path) => judge(path) === 'shown');
    return { seen, frozen: shown.vanished() };
  };

  test('a temporary name that sync has put there is shown, one that a program made is not', async () => {
    tree.putSynced('Thumbs.db');
    tree.put('desktop.ini');
    pass(60_000);
    expect((await observe()).seen).toEqual(['Thumbs.db']);
  });

  test('a name that the other side has, too, is shown from then on', async () => {
    tree.put('notes.txt~');
    pass(60_000);
    expect((await observe()).seen).toEqual([]);
    shown.want('notes.txt~' as SyncPath);
    expect((await observe()).seen).toEqual(['notes.txt~']);
  });

  test('a temporary file that stays is mentioned after an hour; locks and open files are not', () => {
    tree.put('tmpq1k_x8zz');
    tree.put('movie.part', { handles: 1 });
    tree.put('.~lock.a.odt#');
    tree.put('Thumbs.db');
    pass(3_599_000);
    expect(judge('tmpq1k_x8zz')).toBe('hidden');
    pass(2_000);
    expect(judge('tmpq1k_x8zz')).toBe('NAME_NOT_ALLOWED');
    for (const path of ['movie.part', '.~lock.a.odt#', 'Thumbs.db'])
      expect([path, judge(path)]).toEqual([path, 'hidden']);
  });

  test('a backup by rename leaves the backup here, and what is at the old place is the file', async () => {
    tree.putSynced('notes.txt');
    pass(60_000);
    tree.rename('notes.txt', 'notes.txt~');
    tree.put('notes.txt');
    expect(await observe()).toEqual({ seen: ['notes.txt'], frozen: [] });
    expect(tree.find('notes.txt~' as SyncPath)).toMatchObject({ source: null, state: 'dirty' });
    pass(60_000);
    expect((await observe()).seen).toEqual(['notes.txt']);
  });

  test('a file that was renamed to a name without a relation is a backup, too, when another takes its place', async () => {
    tree.putSynced('report.docx');
    pass(60_000);
    tree.put('~WRD0001.tmp');
    tree.rename('report.docx', '~WRL0002.tmp');
    tree.rename('~WRD0001.tmp', 'report.docx');
    expect(await observe()).toEqual({ seen: ['report.docx'], frozen: [] });
    tree.remove('~WRL0002.tmp');
    expect(await observe()).toEqual({ seen: ['report.docx'], frozen: [] });
  });

  test('in the middle of a backup by rename nothing is shown and nothing is taken for deleted', async () => {
    tree.putSynced('notes.txt');
    tree.putSynced('other.txt');
    pass(60_000);
    await clock.until(shown.settled());
    tree.rename('notes.txt', 'notes.txt~');
    expect(judge('notes.txt~')).toBe('hidden');
    expect(shown.vanished()).toEqual(['notes.txt']);
  });

  test('an observation waits for the rest of a save', async () => {
    tree.putSynced('notes.txt');
    pass(60_000);
    tree.remove('notes.txt');
    const begunMs = clock.now();
    const observation = observe();
    tree.put('notes.txt');
    expect(await observation).toEqual({ seen: ['notes.txt'], frozen: [] });
    expect(clock.now() - begunMs).toBeLessThanOrEqual(500);
  });

  test('a file that stays removed is removed half a second later', async () => {
    tree.putSynced('notes.txt');
    pass(60_000);
    tree.remove('notes.txt');
    const begunMs = clock.now();
    expect(await observe()).toEqual({ seen: [], frozen: [] });
    expect(clock.now() - begunMs).toBe(500);
  });

  test('a clock that is set back holds nothing up', async () => {
    tree.putSynced('notes.txt');
    pass(60_000);
    tree.remove('notes.txt');
    tree.put('first.XyZaBc');
    clock.setBack(3_600_000);
    const begunMs = clock.now();
    expect(await observe()).toEqual({ seen: [], frozen: [] });
    expect(clock.now() - begunMs).toBeLessThanOrEqual(500);
    pass(2_000);
    expect((await observe()).seen).toEqual(['first.XyZaBc']);
  });

  test('a file that somebody only renamed to a temporary name is moved, and not deleted', async () => {
    tree.putSynced('photo.jpg', { state: 'placeholder', storedBytes: 0 });
    pass(60_000);
    tree.rename('photo.jpg', 'photo.jpg~');
    expect(await observe()).toEqual({ seen: ['photo.jpg~'], frozen: [] });
  });

  test('a backup whose content is not here is shown as the move that it is, so that nothing is lost', async () => {
    tree.putSynced('photo.jpg', { state: 'placeholder', storedBytes: 0 });
    pass(60_000);
    tree.rename('photo.jpg', 'photo.jpg~');
    tree.put('photo.jpg');
    pass(3_000);
    expect(await observe()).toEqual({ seen: ['photo.jpg~', 'photo.jpg'], frozen: [] });
  });

  test('a new file beside the one that it may be about to replace is held for two seconds', async () => {
    tree.putSynced('vault.kdbx');
    pass(60_000);
    for (const name of [
      'vault.kdbx.AbCdEf',
      '.vault.kdbx.new',
      'vault.kdbx-journal',
      'first.XyZaBc',
    ])
      tree.put(name);
    tree.put('unlike.txt');
    tree.put('vault.pdf');
    expect((await observe()).seen).toEqual(['vault.kdbx', 'unlike.txt', 'vault.pdf']);
    pass(2_001);
    expect((await observe()).seen).toHaveLength(7);
  });

  test('what was held is hinted at when its time is over', async () => {
    const due: string[] = [];
    shown.due$.subscribe((path) => due.push(path));
    tree.put('a.tmp');
    expect(judge('a.tmp')).toBe('hidden');
    pass(1_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(due).toEqual([]);
    pass(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(due).toEqual(['a.tmp']);
    expect(judge('a.tmp')).toBe('shown');
  });

  test('a file that is changed again and again is not held for ever', () => {
    for (let seconds = 0; seconds < 11; seconds += 1) {
      tree.put('log.tmp');
      if (seconds < 10) expect(judge('log.tmp')).toBe('hidden');
      pass(1_000);
    }
    expect(judge('log.tmp')).toBe('shown');
  });

  test('of a directory that went away only its own path is frozen, and many deletions are not held up', async () => {
    for (let index = 0; index < 100; index += 1) tree.put(`folder/${index}`);
    for (let index = 0; index < 100; index += 1) tree.put(`file ${index}`);
    tree.putSynced('folder');
    pass(60_000);
    await clock.until(shown.settled());
    for (let index = 0; index < 100; index += 1) tree.remove(`folder/${index}`);
    tree.remove('folder');
    expect(shown.vanished()).toEqual(['folder']);
    for (let index = 0; index < 100; index += 1) tree.remove(`file ${index}`);
    expect(shown.vanished()).toEqual([]);
  });
});
