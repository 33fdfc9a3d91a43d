import type { Entry, Side, Version } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Displacement, Replica } from '../ports.ts';
import type { Operation } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { Ledger } from './ledger.ts';

/** A step that changes names, and no content. */
export type StructuralOperation = Exclude<
  Operation,
  { op: 'write' | 'make-link' | 'set-metadata' }
>;

export type Removal = Extract<Operation, { op: 'remove' }>;
export type MakeDirectory = Extract<Operation, { op: 'make-directory' }>;

/** What the steps of one side need. */
export interface StructuralContext {
  readonly side: Side;
  readonly replica: Replica;
  readonly ledger: Ledger;
  readonly records: Records;
  readonly signal: AbortSignal;
  readonly onDone: (operation: Operation, side: Side) => void;
  readonly onFailed: (operation: Operation, side: Side, error: FerryError) => void;
  readonly displacementOf: (side: Side, key: number) => { readonly displacement?: Displacement };
}

/** Returns what must be at the node's path for it to be moved or removed. */
export function expectation(current: Entry | undefined, path: SyncPath): Version | 'directory' {
  if (!current)
    throw new FerryError('INTERNAL', `${path} was planned without being seen`, { path });
  return current.kind === 'directory' ? 'directory' : current.version;
}
