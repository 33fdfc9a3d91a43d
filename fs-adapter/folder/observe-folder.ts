import type { Entry } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import {
  childPath,
  isPrivateName,
  PRIVATE_FOLDER,
  ROOT,
  type SyncPath,
  TEMPORARY_PREFIX,
} from '../../core/model/path.ts';
import type { Observation, ObservedPart, ObserveOptions } from '../../core/observation.ts';
import {
  type DirectoryItem,
  type DirectoryListing,
  type NodeStat,
  type SafeRoot,
  type SurveyRequest,
  surveyAhead,
} from '../../native/index.ts';
import { folderError } from './errno.ts';
import { entryOf } from './node-version.ts';
import type { RealNames } from './real-names.ts';

const BATCH = 1000;
const HIDDEN = { folder: PRIVATE_FOLDER, prefix: TEMPORARY_PREFIX };

/** A directory to be listed: as it is shown, and as it is called on the disk. */
interface Visit {
  readonly path: SyncPath;
  readonly real: string;
}

/** No form of composition makes another name of these. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are ASCII, too
const IS_ASCII = /^[\x00-\x7f]*$/;

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

/** One walk over the whole tree, or a part of it, breadth first. */
export class FolderScan {
  readonly #root: SafeRoot;
  readonly #names: RealNames;
  readonly #options: ObserveOptions;
  readonly #onTemporary: (real: string, stat: NodeStat) => void;
  readonly #visits: Visit[];
  /** Null: the whole tree. */
  readonly #part: ObservedPart | null;
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
    // Where names on the disk are others than in paths, they are learnt from the root on.
    this.#part = names.isEmpty ? (options.part ?? null) : null;
    const starts = this.#part?.directories ?? [ROOT];
    this.#visits = starts.map((path) => ({ path, real: path }));
  }

  /** Yields batches of about a thousand. @throws FerryError when the root itself cannot be listed */
  async *batches(): AsyncIterable<readonly Observation[]> {
    if (this.#part === null) this.#names.forget(ROOT);
    this.#device = (await this.#root.stat(''))?.dev ?? 0n;
    let batch: Observation[] = [];
    const surveys = surveyAhead(this.#root, this.#visits, (visit) => this.#request(visit), {
      hidden: HIDDEN,
    });
    for await (const surveyed of surveys) {
      throwIfAborted(this.#options.signal);
      for (const [visit, listing] of surveyed) {
        for (const each of await this.#look(visit, listing)) batch.push(each);
        if (batch.length < BATCH) continue;
        yield batch;
        batch = [];
        throwIfAborted(this.#options.signal);
      }
    }
    if (batch.length > 0) yield batch;
  }

  #request({ path, real }: Visit): SurveyRequest {
    const known = this.#options.listings?.known(path);
    return known === undefined ? { path: real } : { path: real, known };
  }

  async #look(visit: Visit, listing: DirectoryListing): Promise<readonly Observation[]> {
    if ('errno' in listing) {
      const cause = Object.assign(new Error(listing.errno), { code: listing.errno });
      const error = folderError(cause, visit.path, 'list');
      if (visit.path === ROOT) throw error;
      return [problem(visit.path, error)];
    }
    this.#hearOf(visit, listing);
    const seen = new Set<string>();
    const found: Found[] = [];
    for (const item of listing.items) {
      const each = this.#item(visit, item, seen);
      if (each !== null) found.push(each);
    }
    if (listing.isKnown) return [];
    if (!found.some((each) => each.type === 'link')) return found as Observation[];
    return Promise.all(found.map((each) => (each.type === 'link' ? this.#link(each) : each)));
  }

  /** A listing with names that are shown otherwise stays unknown: their real names are learnt by looking. */
  #hearOf(visit: Visit, listing: Exclude<DirectoryListing, { readonly errno: string }>): void {
    const { listings } = this.#options;
    if (listings === undefined) return;
    const isShownAsIs = listing.items.every(
      ({ name }) => name !== null && (IS_ASCII.test(name) || name === name.normalize('NFC')),
    );
    if (isShownAsIs) listings.listed(visit.path, listing.fingerprint);
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
    if (stat.kind === 'directory' && !this.#part?.isKnown(path)) this.#visits.push({ path, real });
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
