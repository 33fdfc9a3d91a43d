import type { Direction, Side } from '../../core/model/entry.ts';
import type { UserEvent } from './events.ts';
import { type Judgement, judgeFile, judgeMove } from './judge-files.ts';
import { isSamePicture, type Picture, type Pictures, topOf } from './picture.ts';

const FLAT: ReadonlySet<string> = new Set(['write', 'append', 'save', 'same', 'remove', 'touch']);
const SIDES: readonly Side[] = ['local', 'remote'];

/** What a finished run has left, and under which rules. */
export type Found = Pick<Judgement, 'after' | 'direction' | 'conflicts' | 'hasIdentities'>;

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
  judge(found: Found): string[] {
    const { after, ...known } = found;
    const wrong: string[] = [];
    if (!this.#isSpoiled && this.#start !== null && this.#base !== null)
      this.#compare(
        { ...known, base: this.#base, start: this.#start, after, copies: new Set() },
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
    const open = new Set<string>();
    for (const group of groups) {
      if (by.local.has(group) && by.remote.has(group) && this.#notFlat.has(group)) {
        open.add(group);
        const isInGroup = (path: string): boolean => this.#find(topOf(path)) === group;
        wrong.push(...judgeMove(isInGroup, judgement));
        continue;
      }
      if (by.local.has(group) && by.remote.has(group)) wrong.push(...judgeFile(group, judgement));
      else if (by.local.has(group)) wrong.push(...this.#judgeGroup(group, 'local', judgement));
      else
        wrong.push(...this.#judgeGroup(group, by.remote.has(group) ? 'remote' : null, judgement));
    }
    if (open.size === 0) wrong.push(...this.#strangers(groups, judgement));
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
