import type { Failure, NodeStat } from '../../native/safe-root.ts';
import type {
  BatchEntry,
  BatchResult,
  DeleteEntry,
  MkcolEntry,
  PutEntry,
} from '../../protocol/batch.ts';
import { type Frame, FrameError } from '../../protocol/frames.ts';
import { DavError, toDavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { parseBelow, type ResourcePath } from '../request-path.ts';
import type { Stage } from '../storage/stage.ts';

/** One change of a group, with its place in the answer. */
export interface Change<Entry extends BatchEntry = BatchEntry> {
  readonly index: number;
  readonly entry: Entry;
  readonly path: ResourcePath;
  readonly content: Uint8Array;
}

/** The changes of one group, and what became of each so far. */
export class Group {
  readonly exchange: Exchange;
  readonly stage: Stage;
  readonly puts: readonly Change<PutEntry>[];
  readonly collections: readonly Change<MkcolEntry>[];
  readonly deletions: readonly Change<DeleteEntry>[];
  /** Directories with other names in them than before, to be made durable. */
  readonly changed = new Set<string>();
  readonly #results: (BatchResult | undefined)[];

  /** @throws FrameError, DavError 400 when the request is malformed */
  constructor(exchange: Exchange, stage: Stage, { entries, contents }: Frame<BatchEntry>) {
    this.exchange = exchange;
    this.stage = stage;
    this.#results = entries.map(() => undefined);
    const changes = entries.flatMap((entry, index) => this.#changeOf(entry, index, contents));
    if (new Set(changes.map(({ path }) => path)).size < changes.length)
      throw new FrameError('a group names a path twice');
    this.puts = changes.filter((change) => isOf(change, 'put'));
    this.collections = changes.filter((change) => isOf(change, 'mkcol'));
    this.deletions = changes.filter((change) => isOf(change, 'delete'));
  }

  get paths(): readonly ResourcePath[] {
    return [...this.puts, ...this.collections, ...this.deletions].map(({ path }) => path);
  }

  /** What became of each, in the order of the group. */
  get results(): readonly BatchResult[] {
    return this.#results.map((result) => result ?? { status: 500, message: 'it was left out' });
  }

  done({ index }: Change, result: BatchResult): void {
    this.#results[index] = result;
  }

  refuse({ index, path, entry }: Change, error: unknown): void {
    const { status, message, cause } = toDavError(error, path, ACTIONS[entry.op]);
    if (status === 500)
      this.exchange.site.logger.error('a change of a batch failed', { error: String(cause) });
    this.#results[index] = { status, message };
  }

  /** Tells whether no lock forbids to make or replace it; a change that one forbids is refused. */
  isUnlocked(change: Change, reach: { readonly membership: boolean }): boolean {
    try {
      this.exchange.requireUnlocked(change.path, reach);
      return true;
    } catch (error) {
      this.refuse(change, error);
      return false;
    }
  }

  #changeOf(entry: BatchEntry, index: number, contents: readonly Uint8Array[]): readonly Change[] {
    const path = parseBelow(this.exchange.path, entry.path);
    const content = contents[index] ?? new Uint8Array(0);
    if (path !== null) return [{ index, entry, path, content }];
    this.#results[index] = { status: 403, message: `${entry.path} is the server's own` };
    return [];
  }
}

const ACTIONS = { put: 'storing', mkcol: 'making', delete: 'removing' } as const;

function isOf<Op extends BatchEntry['op']>(
  change: Change,
  op: Op,
): change is Change<BatchEntry & { readonly op: Op }> {
  return change.entry.op === op;
}

/** Returns the refusal of a condition that does not hold. */
export function notAsExpected(path: ResourcePath): DavError {
  return new DavError(412, `/${path} is in another state`);
}

/** Returns the permission bits of an entry. */
export function modeOf({ mode }: { readonly mode?: string }): number | undefined {
  return mode === undefined ? undefined : Number.parseInt(mode, 8) & 0o777;
}

/** Returns permission bits as an answer names them. */
export function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

/** Returns the error that stands for a failed member of a group of system calls. */
export function failure(result: Failure | NodeStat | undefined): Error {
  const code = result !== undefined && 'errno' in result ? result.errno : 'EIO';
  return Object.assign(new Error(code), { code });
}
