import type { Entry } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import {
  childPath,
  isPrivateName,
  PRIVATE_FOLDER,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/ports.ts';
import type { DirectoryItem, DirectoryListing, NodeStat, SafeRoot } from '../../native/index.ts';
import { folderError } from './errno.ts';
import { entryOf } from './node-version.ts';
import type { RealNames } from './real-names.ts';

const BATCH = 1000;
/** Directories of one native call: enough to make the call cheap, few enough to hear of a cancellation. */
const DIRECTORIES_AT_ONCE = 64;

/** A directory to be listed: as it is shown, and as it is called on the disk. */
interface Visit {
  readonly path: SyncPath;
  readonly real: string;
}

type Found =
  | Observation
  | {
      readonly type: 'link';
      readonly path: SyncPath;
      readonly real: string;
      readonly stat: NodeStat;
    };

function problem(path: SyncPath, error: FerryError): Observation {
  return { type: 'problem', path, error };
}

function refused(
  path: SyncPath,
  code: 'KIND_NOT_SUPPORTED' | 'NAME_NOT_ALLOWED',
  why: string,
): Observation {
  return problem(path, new FerryError(code, `${path}: ${why}`, { path }));
}

/** One walk over the whole tree, breadth first. */
export class FolderScan {
  readonly #root: SafeRoot;
  readonly #names: RealNames;
  readonly #options: ObserveOptions;
  readonly #onTemporary: (real: string, stat: NodeStat) => void;
  readonly #visits: Visit[] = [{ path: ROOT, real: '' }];
  #device = 0n;

  /** `onTemporary` hears of what is found under a temporary name. */
  constructor(
    root: SafeRoot,
    names: RealNames,
    options: ObserveOptions,
    onTemporary: (real: string, stat: NodeStat) => void,
  ) {
    this.#root = root;
    this.#names = names;
    this.#options = options;
    this.#onTemporary = onTemporary;
  }

  /** Yields batches of about a thousand. @throws FerryError when the root itself cannot be listed */
  async *batches(): AsyncIterable<readonly Observation[]> {
    this.#names.forget(ROOT);
    this.#device = (await this.#root.stat(''))?.dev ?? 0n;
    let batch: Observation[] = [];
    while (this.#visits.length > 0) {
      throwIfAborted(this.#options.signal);
      const visits = this.#visits.splice(0, DIRECTORIES_AT_ONCE);
      const listings = await this.#root.listMany(visits.map(({ real }) => real));
      for (const [index, visit] of visits.entries()) {
        const listing = listings[index];
        if (listing) batch.push(...(await this.#look(visit, listing)));
        if (batch.length < BATCH) continue;
        yield batch;
        batch = [];
        throwIfAborted(this.#options.signal);
      }
    }
    if (batch.length > 0) yield batch;
  }

  async #look(visit: Visit, listing: DirectoryListing): Promise<readonly Observation[]> {
    if ('errno' in listing) {
      const cause = Object.assign(new Error(listing.errno), { code: listing.errno });
      const error = folderError(cause, visit.path, 'list');
      if (visit.path === ROOT) throw error;
      return [problem(visit.path, error)];
    }
    const seen = new Set<string>();
    const found = listing.items.flatMap((item) => this.#item(visit, item, seen) ?? []);
    return Promise.all(found.map((each) => (each.type === 'link' ? this.#link(each) : each)));
  }

  #item(visit: Visit, item: DirectoryItem, seen: Set<string>): Found | null {
    const real = visit.real === '' ? (item.name ?? '') : `${visit.real}/${item.name}`;
    if (item.name !== null && isPrivateName(item.name)) {
      if (item.stat && item.name !== PRIVATE_FOLDER) this.#onTemporary(real, item.stat);
      return null;
    }
    const name = (item.name ?? Buffer.from(item.rawName, 'latin1').toString('utf8')).normalize(
      'NFC',
    );
    const path = childPath(visit.path, name);
    if (item.name === null)
      return refused(path, 'NAME_NOT_ALLOWED', 'its name is not UTF-8; rename it to sync it');
    if (seen.has(name))
      return refused(
        path,
        'NAME_NOT_ALLOWED',
        'two names here differ only in how Unicode is composed; rename one',
      );
    seen.add(name);
    const { stat } = item;
    if (!stat) {
      if (item.errno === 'ENOENT') return null; // gone since its name was read
      const cause = Object.assign(new Error(item.errno), { code: item.errno });
      return problem(path, folderError(cause, path, 'look at'));
    }
    if (name !== item.name) this.#names.set(path, item.name);
    if (this.#options.isIgnored?.(path, stat.kind === 'directory')) {
      this.#options.onIgnored?.(path);
      return null;
    }
    return this.#node(path, real, stat);
  }

  #node(path: SyncPath, real: string, stat: NodeStat): Found {
    if (stat.dev !== this.#device)
      return refused(
        path,
        'KIND_NOT_SUPPORTED',
        'another file system is mounted there; sync it as a pair of its own',
      );
    if (stat.kind === 'other')
      return refused(path, 'KIND_NOT_SUPPORTED', 'a FIFO, socket or device; it is left alone');
    if (stat.kind === 'symlink') return { type: 'link', path, real, stat };
    if (stat.kind === 'directory') this.#visits.push({ path, real });
    return { type: 'entry', entry: this.#entry(path, stat) };
  }

  #entry(path: SyncPath, stat: NodeStat, target?: string): Entry {
    const { timePrecisionNs } = this.#root;
    return entryOf(path, stat, { timePrecisionNs, ...(target === undefined ? {} : { target }) });
  }

  async #link({ path, real, stat }: Found & { type: 'link' }): Promise<Observation> {
    try {
      return { type: 'entry', entry: this.#entry(path, stat, await this.#root.readLink(real)) };
    } catch (error) {
      return problem(path, folderError(error, path, 'read the link'));
    }
  }
}
