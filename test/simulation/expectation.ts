import { isConflictCopyOf } from '../../core/model/conflict-name.ts';
import type { Direction, Side } from '../../core/model/entry.ts';
import type { Conflict } from '../../core/model/problem.ts';
import type { UserEvent } from './events.ts';
import { isFileText, isSamePicture, type Picture, topOf } from './picture.ts';

export type Pictures = Readonly<Record<Side, Picture>>;

const FLAT: ReadonlySet<string> = new Set(['write', 'append', 'save', 'same', 'remove', 'touch']);
const SIDES: readonly Side[] = ['local', 'remote'];

/**
 * Says exactly what a pair must look like after the runs that follow a state in which both sides agreed, wherever
 * that follows from who touched what: names at the root (with all below them) that only one side touched, and single
 * files that both did. Knows nothing of how reconcile decides.
 */
export class Expectation {
  #base: Picture | null = new Map();
  #start: Pictures | null = null;
  #isSpoiled = false;
  /** A user has done something since the run began. */
  #isStale = false;
  #touched: Record<Side, Set<string>> = { local: new Set(), remote: new Set() };
  readonly #joined = new Map<string, string>();
  readonly #notFlat = new Set<string>();

  noteUser(event: UserEvent): void {
    // What a run has half carried over, and a user then changes again, has no exact outcome.
    if (this.#start !== null) this.#isSpoiled = true;
    this.#isStale = true;
    const top = topOf(event.path);
    this.#touch(event.side, top);
    if ('to' in event) {
      this.#touch(event.side, topOf(event.to));
      this.#join(top, topOf(event.to));
      this.#notFlat.add(top).add(topOf(event.to));
    }
    if (!FLAT.has(event.do) || event.path.includes('/')) this.#notFlat.add(top);
  }

  /** Nothing exact can be said until both sides agree again. */
  spoil(): void {
    this.#isSpoiled = true;
  }

  noteRun(draw: () => Pictures): void {
    this.#start ??= draw();
    this.#isStale = false;
  }

  /** A server has still to do what nobody waits for any more. */
  noteLate(): void {
    this.#isSpoiled = true;
    this.#isStale = true;
  }

  /** A run was cut off; without identities, what it has half moved is told from an edit by nothing. */
  noteCutOff(hasIdentities: boolean): void {
    if (!hasIdentities && this.#joined.size > 0) this.#isSpoiled = true;
  }

  /** Judges what a finished run has left; returns what is not as it must be. */
  judge(after: Pictures, direction: Direction, conflicts: readonly Conflict[]): string[] {
    const wrong: string[] = [];
    if (!this.#isSpoiled && this.#start !== null && this.#base !== null)
      this.#compare(
        { base: this.#base, start: this.#start, after, direction, conflicts, copies: new Set() },
        wrong,
      );
    // What somebody did while the run went on is not agreed, even where both sides are equal by now.
    const isAgreed = !this.#isStale && isSamePicture(after.local, after.remote);
    this.#begin(isAgreed ? after.local : null);
    return wrong;
  }

  #begin(base: Picture | null): void {
    this.#base = base;
    this.#isSpoiled = base === null;
    this.#start = null;
    this.#touched = { local: new Set(), remote: new Set() };
    this.#joined.clear();
    this.#notFlat.clear();
  }

  #touch(side: Side, top: string): void {
    this.#touched[side].add(top);
  }

  #find(top: string): string {
    let found = top;
    for (let above = this.#joined.get(found); above !== undefined; above = this.#joined.get(found))
      found = above;
    return found;
  }

  #join(one: string, other: string): void {
    const [a, b] = [this.#find(one), this.#find(other)];
    if (a !== b) this.#joined.set(a, b);
  }

  #compare(judgement: Judgement, wrong: string[]): void {
    const { base, start } = judgement;
    const groups = new Set<string>();
    for (const picture of [base, start.local, start.remote])
      for (const path of picture.keys()) groups.add(this.#find(topOf(path)));
    const by = {
      local: new Set([...this.#touched.local].map((top) => this.#find(top))),
      remote: new Set([...this.#touched.remote].map((top) => this.#find(top))),
    };
    const isOpen = (group: string): boolean =>
      by.local.has(group) && by.remote.has(group) && this.#notFlat.has(group);
    for (const group of groups) {
      if (isOpen(group)) continue;
      if (by.local.has(group) && by.remote.has(group)) wrong.push(...judgeFile(group, judgement));
      else if (by.local.has(group)) wrong.push(...this.#judgeGroup(group, 'local', judgement));
      else
        wrong.push(...this.#judgeGroup(group, by.remote.has(group) ? 'remote' : null, judgement));
    }
    if (![...groups].some(isOpen)) wrong.push(...this.#strangers(groups, judgement));
  }

  *#judgeGroup(
    group: string,
    toucher: Side | null,
    { base, start, after, direction }: Judgement,
  ): Iterable<string> {
    for (const side of SIDES) {
      const expected = expectedOf(side, toucher, direction, base, start);
      const text = this.#differs(group, expected, after[side]);
      if (text !== null) yield `${side} ${text}, only ${toucher ?? 'nobody'} touched it`;
    }
  }

  /** Names that nobody gave, and that are no conflict copies which had to be made. */
  *#strangers(groups: ReadonlySet<string>, { after, copies }: Judgement): Iterable<string> {
    for (const side of SIDES)
      for (const path of after[side].keys())
        if (!groups.has(this.#find(topOf(path))) && !copies.has(topOf(path)))
          yield `${side} has ${path}, which nobody made`;
  }

  #differs(group: string, expected: Picture, found: Picture): string | null {
    for (const [path, drawn] of expected)
      if (this.#find(topOf(path)) === group && found.get(path) !== drawn)
        return `must have ${path} ${drawn}, has ${found.get(path) ?? 'nothing'}`;
    for (const path of found.keys())
      if (this.#find(topOf(path)) === group && !expected.has(path)) return `must not have ${path}`;
    return null;
  }
}

/** Where only one side was touched: both become as it is, but a master stays as it was. */
function expectedOf(
  side: Side,
  toucher: Side | null,
  direction: Direction,
  base: Picture,
  start: Pictures,
): Picture {
  if (toucher === null) return base;
  const master = direction === 'local-to-remote' ? 'local' : 'remote';
  if (direction === 'two-way' || toucher === master) return start[toucher];
  return start[side];
}

interface Judgement {
  readonly base: Picture;
  readonly start: Pictures;
  readonly after: Pictures;
  readonly direction: Direction;
  readonly conflicts: readonly Conflict[];
  /** Filled with the names of the copies that are as they must be. */
  readonly copies: Set<string>;
}

/** Judges one file at the root that both sides touched, by the tables of docs/sync-semantics.md. */
function judgeFile(name: string, judgement: Judgement): string[] {
  const { base, start, after, direction } = judgement;
  const was = base.get(name);
  const loser: Side = direction === 'local-to-remote' ? 'remote' : 'local';
  const winner: Side = loser === 'local' ? 'remote' : 'local';
  const [won, lost] = [start[winner].get(name), start[loser].get(name)];
  const isFile = (drawn: string | undefined): boolean => drawn === undefined || isFileText(drawn);
  if (![was, won, lost].every(isFile)) return [];
  const must = (side: Side, drawn: string | undefined): string[] =>
    after[side].get(name) === drawn
      ? []
      : [
          `${side} must have ${name} ${drawn ?? 'nothing'}, has ${after[side].get(name) ?? 'nothing'}`,
        ];
  const both = (drawn: string | undefined): string[] => [
    ...must('local', drawn),
    ...must('remote', drawn),
  ];
  if (won === lost) return both(won);
  if (lost === was) return both(won);
  const isTwoWay = direction === 'two-way';
  if (won === was || won === undefined)
    return isTwoWay ? both(lost) : [...must(loser, lost), ...must(winner, won)];
  if (lost === undefined) return both(won);
  return [...both(won), ...judgeCopy(name, lost, loser, judgement)];
}

function judgeCopy(
  name: string,
  text: string,
  loser: Side,
  { after, direction, conflicts, copies }: Judgement,
): string[] {
  const sides = direction === 'two-way' ? SIDES : [loser];
  const found = [...after[loser]].find(
    ([path, drawn]) => drawn === text && isConflictCopyOf(path, name),
  );
  if (found === undefined) return [`I6: ${text} of ${name} is in no conflict copy`];
  copies.add(found[0]);
  const missing = sides.filter((side) => after[side].get(found[0]) !== text);
  const isNoted = conflicts.some(({ path, copyPath }) => path === name && copyPath === found[0]);
  return [
    ...missing.map((side) => `${side} lacks the conflict copy ${found[0]}`),
    ...(isNoted ? [] : [`I6: the conflict of ${name} is in no list`]),
  ];
}
