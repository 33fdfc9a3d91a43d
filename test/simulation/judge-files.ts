import { isConflictCopyOf } from '../../core/model/conflict-name.ts';
import type { Direction, Side } from '../../core/model/entry.ts';
import type { Conflict } from '../../core/model/problem.ts';
import { isFileText, type Picture, type Pictures } from './picture.ts';

const SIDES: readonly Side[] = ['local', 'remote'];

/** What is to be judged: both sides as they last agreed, before the runs, and after them. */
export interface Judgement {
  /** A server's files are known again after a rename. */
  readonly hasIdentities: boolean;
  readonly base: Picture;
  readonly start: Pictures;
  readonly after: Pictures;
  readonly direction: Direction;
  readonly conflicts: readonly Conflict[];
  /** Filled with the names of the copies that are as they must be. */
  readonly copies: Set<string>;
}

/** Judges one file at the root that both sides touched, by the tables of docs/sync-semantics.md. */
export function judgeFile(name: string, judgement: Judgement): string[] {
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

/**
 * Judges a file at the root that both sides touched and at least one has renamed: a move and an edit go together, a
 * move keeps what the other side removed, and of two moves the remote one counts.
 */
export function judgeMove(isInGroup: (path: string) => boolean, judgement: Judgement): string[] {
  const { base, start, after, direction, hasIdentities } = judgement;
  if (direction !== 'two-way' || !hasIdentities) return [];
  const was = onlyFile(base, isInGroup);
  const local = onlyFile(start.local, isInGroup);
  const remote = onlyFile(start.remote, isInGroup);
  if (!was || local === null || remote === null) return [];
  const expected = movedFile(was, local, remote);
  if (expected === null) return [];
  return SIDES.filter((side) => {
    const found = onlyFile(after[side], isInGroup);
    return found?.path !== expected?.path || found?.text !== expected?.text;
  }).map((side) => {
    const { path, text } = expected ?? { path: 'nothing', text: '' };
    return `${side} must have only ${path} ${text} of what was ${was.path} ${was.text}`;
  });
}

interface OneFile {
  readonly path: string;
  readonly text: string;
}

/** Returns the only entry of a group; undefined when there is none, null when it is no such case. */
function onlyFile(
  picture: Picture,
  isInGroup: (path: string) => boolean,
): OneFile | undefined | null {
  const entries = [...picture].filter(([path]) => isInGroup(path));
  const [first] = entries;
  if (first === undefined) return undefined;
  const [path, text] = first;
  return entries.length > 1 || path.includes('/') || !isFileText(text) ? null : { path, text };
}

/** Returns what a file becomes; undefined: nothing, null: this rule does not say. */
function movedFile(
  was: OneFile,
  local: OneFile | undefined,
  remote: OneFile | undefined,
): OneFile | undefined | null {
  const isMoved = (file: OneFile): boolean => file.path !== was.path;
  const isEdited = (file: OneFile): boolean => file.text !== was.text;
  if (local === undefined || remote === undefined) {
    const left = local ?? remote;
    return left && (isMoved(left) || isEdited(left)) ? left : undefined;
  }
  if ([local, remote].some((file) => isMoved(file) && isEdited(file))) return null;
  if (isEdited(local) && isEdited(remote) && local.text !== remote.text) return null;
  return {
    path: isMoved(remote) ? remote.path : local.path,
    text: isEdited(remote) ? remote.text : local.text,
  };
}
