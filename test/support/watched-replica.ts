import type { Side } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { Replica, WriteItem } from '../../core/ports.ts';

/** What an engine asked of its replicas. */
export interface ReplicaWatch {
  /** What was changed, such as `move remote a`. */
  readonly changes: string[];
  /** Files whose content was asked for, such as `local a`. */
  readonly reads: string[];
  /** When so many more calls were made, all others fail; never when null. */
  failAfter: number | null;
}

/** The same replica; what it is asked for is noted in `watch`. */
export function watchedReplica(side: Side, replica: Replica, watch: ReplicaWatch): Replica {
  const check = (): void => {
    if (watch.failAfter !== null && watch.failAfter-- <= 0)
      throw new FerryError('REMOTE_UNREACHABLE', 'cut off by the test');
  };
  const changing = async <T>(call: string, work: () => Promise<T>): Promise<T> => {
    check();
    const result = await work();
    watch.changes.push(call);
    return result;
  };
  async function* checked(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
  ): AsyncIterable<WriteItem> {
    for await (const item of items) {
      check();
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
    async *writeMany(items, options) {
      for await (const group of replica.writeMany(checked(items), options)) {
        for (const result of group)
          if ('entry' in result) watch.changes.push(`write ${side} ${result.item.path}`);
        yield group;
      }
    },
    makeDirectory: (path, options) =>
      changing(`make-directory ${side} ${path}`, () => replica.makeDirectory(path, options)),
    makeLink: (path, target, options) =>
      changing(`make-link ${side} ${path}`, () => replica.makeLink(path, target, options)),
    move: (from, to, options) =>
      changing(`move ${side} ${from}`, () => replica.move(from, to, options)),
    remove: (path, options) =>
      changing(`remove ${side} ${path}`, () => replica.remove(path, options)),
    setMetadata: (path, metadata, options) =>
      changing(`set-metadata ${side} ${path}`, () => replica.setMetadata(path, metadata, options)),
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
