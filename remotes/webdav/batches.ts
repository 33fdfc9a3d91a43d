import type { Replica, WriteItem, WriteOptions, WriteResult } from '../../core/ports.ts';
import { BatchChanger } from './batch-change.ts';
import { inLanes, merged } from './batch-lanes.ts';
import { BatchReader } from './batch-read.ts';
import { BATCHES_AT_ONCE, BatchWriter } from './batch-write.ts';
import type { Blame } from './blame.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Session } from './session.ts';
import { grouped, type Slots } from './slots.ts';
import type { FileWriter } from './write.ts';

export interface BatchesParts {
  readonly probe: ProbeResult;
  readonly blame: Blame;
  readonly slots: Slots;
  readonly writer: FileWriter;
  /** Writes items one by one. */
  readonly writeSingly: (
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions,
  ) => AsyncGenerator<readonly WriteResult[]>;
}

/** What a replica does in groups where its server takes batches. */
export type GroupMethods = Required<
  Pick<Replica, 'readMany' | 'hashMany' | 'makeDirectories' | 'removeMany' | 'writeMany'>
>;

/** Returns the methods for groups. Whatever cannot go in a batch is done by single requests. */
export function groupMethods(session: Session, parts: BatchesParts): GroupMethods {
  const { writer, writeSingly } = parts;
  const reader = new BatchReader(session, parts);
  const changer = new BatchChanger(session, parts);
  const batches = new BatchWriter(session, { ...parts, single: writer, reader });

  async function* writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions = {},
  ): AsyncGenerator<readonly WriteResult[]> {
    if (!(await session.extensions.has('batch', options.signal))) {
      yield* writeSingly(items, options);
      return;
    }
    const lanes = inLanes(items);
    const results = merged(writeGroups(lanes.small, options), writeSingly(lanes.large, options));
    try {
      for (let next = await results.next(); next.done !== true; next = await results.next())
        yield next.value;
    } finally {
      lanes.close();
      await results.return(undefined);
    }
  }

  async function* writeGroups(
    groups: AsyncIterable<readonly WriteItem[]>,
    options: WriteOptions,
  ): AsyncGenerator<readonly WriteResult[]> {
    const limits = { width: BATCHES_AT_ONCE, groupSize: 1, groupMs: 0 };
    const written = grouped(groups, (group) => batches.write(group, options), limits);
    for await (const some of written) yield some.flat();
  }

  return {
    readMany: (requests, options = {}) => reader.readMany(requests, options),
    hashMany: (requests, options = {}) => reader.hashMany(requests, options),
    makeDirectories: (items, options = {}) => changer.makeDirectories(items, options),
    removeMany: (items, options = {}) => changer.removeMany(items, options),
    writeMany,
  };
}
