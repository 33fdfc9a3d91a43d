import type { Side } from '../model/entry.ts';
import type { Conflict, Problem } from '../model/problem.ts';
import type { Operation, Plan, PlannedNode } from '../reconcile/plan.ts';
import type { Phase, Progress } from './pair-engine.ts';
import { actionOf, type PlannedAction } from './planned-actions.ts';

/** Before anything is known. */
export const NO_PROGRESS: Progress = {
  phase: 'idle',
  filesDone: 0,
  filesTotal: 0,
  bytesDone: 0,
  bytesTotal: 0,
  entriesSeen: 0,
};

/** Adds up what a run does, over all its passes, and tells how far it is. */
export class RunTally {
  uploaded = 0;
  downloaded = 0;
  moved = 0;
  deletedLocal = 0;
  deletedRemote = 0;
  adopted = 0;
  bytesSent = 0;
  bytesReceived = 0;
  localOnly = 0;
  changedHere = 0;
  removedHere = 0;
  readonly conflicts: Conflict[] = [];
  readonly problems: Problem[] = [];
  readonly actions: PlannedAction[] = [];
  readonly #publish: (progress: Progress) => void;
  readonly #keepsActions: boolean;
  #progress: Progress = {
    phase: 'checking',
    filesDone: 0,
    filesTotal: 0,
    bytesDone: 0,
    bytesTotal: 0,
    entriesSeen: 0,
  };

  /** `keepsActions`: the summary lists every action, as after a dry run. */
  constructor(publish: (progress: Progress) => void, keepsActions: boolean) {
    this.#publish = publish;
    this.#keepsActions = keepsActions;
  }

  enter(phase: Phase): void {
    this.#set({ phase });
  }

  seen(count: number): void {
    this.#set({ entriesSeen: this.#progress.entriesSeen + count });
  }

  expect(files: number, bytes: number): void {
    this.#set({
      filesTotal: this.#progress.filesDone + files,
      bytesTotal: this.#progress.bytesDone + bytes,
    });
  }

  /** Counts content bytes that arrived on `side`. */
  arrived(side: Side, count: number): void {
    if (side === 'local') this.bytesReceived += count;
    else this.bytesSent += count;
    this.#set({ bytesDone: this.#progress.bytesDone + count });
  }

  /** Counts content bytes that need not travel. */
  spared(count: number): void {
    this.#set({ bytesDone: this.#progress.bytesDone + count });
  }

  /** Counts bytes that were read on `side` to compare them; those of the remote side had to be fetched. */
  compared(side: Side, count: number): void {
    if (side === 'remote') this.bytesReceived += count;
    this.#set({ bytesDone: this.#progress.bytesDone + count });
  }

  addProblems(...lists: readonly (readonly Problem[])[]): void {
    for (const list of lists) for (const problem of list) this.problems.push(problem);
  }

  /** Adds conflicts that an earlier pass has not named yet. */
  noteConflicts(conflicts: readonly Conflict[]): void {
    for (const conflict of conflicts)
      if (!this.conflicts.some(({ copyPath }) => copyPath === conflict.copyPath))
        this.conflicts.push(conflict);
  }

  done(operation: Operation, side: Side, node: PlannedNode): void {
    this.#count(operation, side, node);
    if (operation.op === 'write') this.#set({ filesDone: this.#progress.filesDone + 1 });
    if (this.#keepsActions) this.note(operation, side, node);
  }

  /** Lists an action without counting it. */
  note(operation: Operation, side: Side, node: PlannedNode): void {
    const action = actionOf(operation, side, node);
    if (action) this.actions.push(action);
  }

  notePlan(plan: Plan): void {
    this.localOnly = plan.counts.destinationOnly;
    this.changedHere = plan.counts.changedHere;
    this.removedHere = plan.counts.removedHere;
  }

  #count(operation: Operation, side: Side, node: PlannedNode): void {
    if (operation.op === 'write' && side === 'local') this.downloaded++;
    else if (operation.op === 'write') this.uploaded++;
    else if (operation.op === 'move' && node.conflictOf === undefined) this.moved++;
    else if (operation.op === 'remove' && side === 'local') this.deletedLocal++;
    else if (operation.op === 'remove') this.deletedRemote++;
  }

  #set(change: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#publish(this.#progress);
  }
}
