import type { EntryKind, Side, Version } from '../model/entry.ts';
import { depthOf, isAtOrBelow, rebasePath, type SyncPath } from '../model/path.ts';
import type { RunOperation } from '../records/run-log.ts';

/** Something that a run moved on one side: where the local side has it now, and where it was before. */
export interface MoveBack {
  readonly kind: EntryKind;
  readonly now: SyncPath;
  readonly before: SyncPath;
  readonly version: Version;
}

/** Content that a run replaced or removed. */
export interface ContentBack {
  readonly kind: EntryKind;
  /** Where it was; after the moves it goes there again. */
  readonly path: SyncPath;
  /** What the local side has in its place, before the moves; null: nothing. */
  readonly now: RunOperation['local'];
  /** On which side it was displaced, and its name in that side's version store; null: it was not kept. */
  readonly side: Side;
  readonly keptAs: string | null;
  /** The path under which it was displaced. */
  readonly keptPath: SyncPath;
}

/** Something that a run added on a side: on the remote one it is the user's own, who had made it on the local one. */
export interface Addition {
  readonly side: Side;
  readonly kind: EntryKind;
  readonly path: SyncPath;
  readonly version: Version;
}

/** What leads back to the tree that both sides had before a run, told for the local side. */
export interface UndoPlan {
  readonly moves: readonly MoveBack[];
  /** Directories that the run removed, parents first. */
  readonly directories: readonly SyncPath[];
  readonly contents: readonly ContentBack[];
  readonly additions: readonly Addition[];
}

/** One entry through all steps of a run. */
interface Track {
  readonly kind: EntryKind;
  /** Where both sides had it, or the side on which the run changed it; null: the run made it. */
  before: SyncPath | null;
  now: RunOperation['local'];
  isMoved: boolean;
  isRemoved: boolean;
  added: Side | null;
  displaced: Pick<ContentBack, 'side' | 'keptAs' | 'keptPath'> | null;
}

/**
 * Returns what takes a run back. Both sides' operations count: what the run did on the remote side is taken back on
 * the local one, too, and reaches the remote side with the next run. The operations are those of the whole run, in order.
 */
export function planUndo(operations: readonly RunOperation[]): UndoPlan {
  const history = new History();
  for (const operation of operations) if (!operation.problem) history.add(operation);
  const tracks = history.tracks;
  const moves = tracks.flatMap(({ kind, before, now, isMoved }): MoveBack[] =>
    isMoved && before !== null && now !== null && before !== now.path
      ? [{ kind, before, now: now.path, version: now.version }]
      : [],
  );
  const contents = tracks.flatMap(({ kind, before, now, displaced }): ContentBack[] =>
    displaced && before !== null ? [{ kind, path: before, now, ...displaced }] : [],
  );
  const directories = tracks.flatMap(({ kind, before, isRemoved }) =>
    isRemoved && kind === 'directory' && before !== null ? [before] : [],
  );
  const additions = tracks.flatMap(({ added, before, kind, now }): Addition[] =>
    added !== null && before === null && now !== null
      ? [{ side: added, kind, path: now.path, version: now.version }]
      : [],
  );
  return {
    moves,
    contents,
    directories: directories.sort((a, b) => depthOf(a) - depthOf(b)),
    additions,
  };
}

class History {
  readonly tracks: Track[] = [];
  #pass = 0;
  #ofPass = new Map<number, Track>();
  /** What earlier passes left, by where it is: paths of this pass are told as they are since then. */
  #earlier = new Map<SyncPath, Track>();
  #movedEarlier: readonly Track[] = [];

  add(operation: RunOperation): void {
    if (operation.pass !== this.#pass) this.#beginPass(operation.pass);
    const track = this.#trackOf(operation);
    const { from, kind, op, path, side } = operation;
    if (op === 'move' && from !== null) {
      if (!track.isMoved) track.before = this.#origin(from);
      track.isMoved = true;
      if (kind === 'directory' && side === 'local') this.#carryAlong(from, path, track);
    }
    if (op === 'remove') track.isRemoved = true;
    if (kind !== 'directory' && from !== null && (op === 'remove' || isContent(op)))
      track.displaced ??= { side, keptAs: operation.keptAs ?? null, keptPath: path };
    if (from === null) track.added ??= side;
    track.now = operation.local;
  }

  #beginPass(pass: number): void {
    this.#pass = pass;
    this.#ofPass = new Map();
    this.#earlier = new Map();
    for (const track of this.tracks) if (track.now) this.#earlier.set(track.now.path, track);
    this.#movedEarlier = this.tracks.filter(({ isMoved, kind }) => isMoved && kind === 'directory');
  }

  #trackOf({ from, kind, local, node }: RunOperation): Track {
    const known = this.#ofPass.get(node);
    if (known) return known;
    const earlier = from === null ? undefined : this.#earlier.get(from);
    const track = earlier ?? {
      kind,
      before: from === null ? null : this.#origin(from),
      now: local,
      isMoved: false,
      isRemoved: false,
      added: null,
      displaced: null,
    };
    if (!earlier) this.tracks.push(track);
    this.#ofPass.set(node, track);
    return track;
  }

  /** Returns where a path of this pass was when the run began. */
  #origin(path: SyncPath): SyncPath {
    let best: Track | null = null;
    for (const track of this.#movedEarlier)
      if (track.now && isAtOrBelow(path, track.now.path))
        if (!best?.now || track.now.path.length > best.now.path.length) best = track;
    if (!best?.now || best.before === null) return path;
    return rebasePath(path, best.now.path, best.before);
  }

  /** What earlier passes put into a directory goes along when it is moved. */
  #carryAlong(from: SyncPath, to: SyncPath, mover: Track): void {
    for (const track of this.#earlier.values())
      if (track !== mover && track.now && isAtOrBelow(track.now.path, from))
        track.now = { ...track.now, path: rebasePath(track.now.path, from, to) };
  }
}

function isContent(op: RunOperation['op']): boolean {
  return op === 'write' || op === 'make-link';
}
