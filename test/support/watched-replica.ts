import type { Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { Replica, WriteItem } from '../../core/ports.ts';

/** What an engine asked of its replicas. */
export interface ReplicaWatch {
  /** Calls that change something, such as `move remote a`. */
  readonly changes: string[];
  /** Files whose content was asked for, such as `local a`. */
  readonly reads: string[];
  /** When so many more calls were made, all others fail; never when null. */
  failAfter: number | null;
}

/** The same replica; every call is noted in `watch` first. */
export function watchedReplica(side: Side, replica: Replica, watch: ReplicaWatch): Replica {
  const check = (): void => {
    if (watch.failAfter !== null && watch.failAfter-- <= 0)
      throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
  };
  const note = (call: string): void => {
    check();
    watch.changes.push(call);
  };
  async function* noted(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
  ): AsyncIterable<WriteItem> {
    for await (const item of items) {
      note(`write ${side} ${item.path}`);
      yield item;
    }
  }
  return {
    capabilities: replica.capabilities,
    changes$: replica.changes$,
    identify: (options) => replica.identify(options),
    observe: (options) => replica.observe(options),
    stat: (path, options) => replica.stat(path, options),
    async read(path, options) {
      check();
      watch.reads.push(`${side} ${path}`);
      return replica.read(path, options);
    },
    writeMany: (items, options) => replica.writeMany(noted(items), options),
    async makeDirectory(path, options) {
      note(`make-directory ${side} ${path}`);
      return replica.makeDirectory(path, options);
    },
    async makeLink(path, target, options) {
      note(`make-link ${side} ${path}`);
      return replica.makeLink(path, target, options);
    },
    async move(from, to, options) {
      note(`move ${side} ${from}`);
      return replica.move(from, to, options);
    },
    async remove(path, options) {
      note(`remove ${side} ${path}`);
      return replica.remove(path, options);
    },
    async setMetadata(path, metadata, options) {
      note(`set-metadata ${side} ${path}`);
      return replica.setMetadata(path, metadata, options);
    },
    async flush() {
      check();
      return replica.flush();
    },
    close: () => replica.close(),
    ...(replica.noteCounterpart === undefined
      ? {}
      : { noteCounterpart: replica.noteCounterpart.bind(replica) }),
  };
}
