import { NEVER, type Observable } from 'rxjs';
import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import type { Entry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import type {
  Clock,
  Content,
  Displacement,
  IdentifyOptions,
  Logger,
  Metadata,
  MutationOptions,
  ReadOptions,
  Replica,
  ReplicaCapabilities,
  RootIdentity,
  Space,
  VersionShelf,
  WriteItem,
  WriteOptions,
  WriteResult,
} from '../../core/ports.ts';
import { Addresses } from './addresses.ts';
import { type GroupMethods, groupMethods } from './batches.ts';
import { Blame } from './blame.ts';
import { readFeed } from './changes.ts';
import { readChunks } from './chunks.ts';
import { serverEvents } from './events.ts';
import { type Credentials, openHttp } from './http.ts';
import { lookAt } from './listing.ts';
import { makeCollection, makeRoot } from './make-collection.ts';
import { movePath } from './move.ts';
import { observeTree, statPath } from './observe.ts';
import type { Patience } from './patience.ts';
import { probeWebdav } from './probe.ts';
import type { ProbeResult } from './probe-result.ts';
import { readFile } from './read.ts';
import { removePath } from './remove.ts';
import { entryOf } from './resource.ts';
import { Session } from './session.ts';
import { setFileMetadata } from './set-metadata.ts';
import { grouped, Slots } from './slots.ts';
import { readSpace } from './space.ts';
import type { TlsTrust } from './tls.ts';
import { WebdavVersions } from './versions.ts';
import { FileWriter } from './write.ts';

export interface WebdavOptions {
  /** Address of the collection that is the root. */
  readonly url: string;
  readonly credentials?: Credentials;
  /** Names this device in temporary names, so that it removes only its own. Letters, digits, `-` and `_`. */
  readonly ownerId: string;
  /** What an earlier probe found; without it, or with one of an older format, the server is probed now. */
  readonly probe?: ProbeResult;
  /** Nothing will be written: then nothing is tried either, and the server counts as one that proved nothing. */
  readonly readsOnly?: boolean;
  readonly tls?: TlsTrust;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets `changes$` report what the companion server tells. */
  readonly watch?: boolean;
  /** Requests that are made at a time. */
  readonly parallelism?: number;
  /** How long the server may take, where that is not what is usual. */
  readonly patience?: Partial<Patience>;
  /** Entries that one listing may have, where that is not what is usual. */
  readonly entryBudget?: number;
  readonly signal?: AbortSignal;
}

/** A replica on a WebDAV server. */
export interface WebdavReplica extends Replica {
  /** What the server was proven to honour; to be kept and given to the next `openWebdavReplica`. */
  readonly probe: ProbeResult;
}

const DEFAULT_PARALLELISM = 16;
const GROUP_SIZE = 100;
const GROUP_MS = 200;
/** Files that may wait to be looked at, or until the second of their upload is over; they take no slot meanwhile. */
const WAITING_FILES = 256;

/**
 * Opens a WebDAV server's collection as a replica. Without a probe result the server is probed first, which needs it
 * to be reachable; with one, nothing is sent before the first use.
 * @throws CONFIG_INVALID for an address that is none; REMOTE_* from the probe
 */
export async function openWebdavReplica(options: WebdavOptions): Promise<WebdavReplica> {
  const known = options.probe?.format === 1 ? options.probe : undefined;
  const probe = known ?? (await probeWebdav(options));
  return new DavReplica(options, probe);
}

class DavReplica implements WebdavReplica {
  readonly capabilities: ReplicaCapabilities;
  readonly changes$: Observable<SyncPath>;
  readonly probe: ProbeResult;
  readonly versions?: VersionShelf;
  readonly isDistant: boolean;
  readonly readMany?: GroupMethods['readMany'];
  readonly hashMany?: GroupMethods['hashMany'];
  readonly makeDirectories?: GroupMethods['makeDirectories'];
  readonly removeMany?: GroupMethods['removeMany'];
  readonly #session: Session;
  readonly #blame: Blame;
  readonly #parallelism: number;
  readonly #slots: Slots;
  readonly #writer: FileWriter;
  readonly #groups: GroupMethods | null;

  constructor(options: WebdavOptions, probe: ProbeResult) {
    const { parallelism = DEFAULT_PARALLELISM } = options;
    const addresses = new Addresses(options.url);
    const http = openHttp({ ...options, base: addresses.base, parallelism });
    this.probe = probe;
    this.isDistant = probe.companion;
    this.capabilities = capabilitiesOf(probe);
    this.#parallelism = parallelism;
    this.#session = new Session({ ...options, http, addresses, isCompanion: probe.companion });
    this.changes$ = options.watch && probe.companion ? serverEvents(this.#session) : NEVER;
    if (probe.companion) this.versions = new WebdavVersions(this.#session);
    this.#slots = new Slots(parallelism);
    this.#blame = new Blame(this.#session);
    this.#writer = new FileWriter(this.#session, probe, { slots: this.#slots, blame: this.#blame });
    this.#groups = probe.companion ? this.#groupMethods() : null;
    if (this.#groups === null) return;
    this.readMany = this.#groups.readMany;
    this.hashMany = this.#groups.hashMany;
    this.makeDirectories = this.#groups.makeDirectories;
    this.removeMany = this.#groups.removeMany;
  }

  #groupMethods(): GroupMethods {
    return groupMethods(this.#session, {
      probe: this.probe,
      blame: this.#blame,
      slots: this.#slots,
      writer: this.#writer,
      writeSingly: (items, options) => this.#writeSingly(items, options),
    });
  }

  async identify(options: IdentifyOptions = {}): Promise<RootIdentity> {
    const { create = false, since, signal } = options;
    throwIfAborted(signal);
    const told =
      since && this.probe.companion ? await readFeed(this.#session, since, signal) : null;
    // A cursor is good for one tree only: that it was followed says which one this is.
    if (told !== null) return { id: null, feed: told };
    let seen = await lookAt(this.#session, ROOT, signal);
    if (seen === null && create) {
      await makeRoot(this.#session, signal);
      seen = await lookAt(this.#session, ROOT, signal);
    }
    if (seen === null || !seen.resource.isCollection)
      throw new FerryError(
        'REMOTE_NOT_FOUND',
        `${this.#session.addresses.base.href}: there is no folder at this address`,
      );
    const id = seen.resource.rootId;
    if (since === undefined || !(await this.#session.extensions.has('feed', signal))) return { id };
    const feed = await readFeed(this.#session, null, signal);
    return feed === null ? { id } : { id, feed };
  }

  observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    const parallelism = this.#parallelism;
    const blame = this.#blame;
    return observeTree(this.#session, this.probe, { ...options, parallelism, blame });
  }

  async stat(path: SyncPath, options: MutationOptions = {}): Promise<Entry | null> {
    const { signal } = options;
    const look = () => statPath(this.#session, this.probe, path, signal);
    const resource = await this.#blame.during(path, signal, look);
    return resource === null ? null : entryOf(resource);
  }

  read(path: SyncPath, options: ReadOptions): Promise<Content> {
    return readFile(this.#session, path, { ...options, blame: this.#blame });
  }

  chunksOf(path: SyncPath, options: ChunkOptions): Promise<ChunkList | null> {
    const { signal } = options;
    return this.#blame.during(path, signal, () => readChunks(this.#session, path, options));
  }

  writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    return this.#groups?.writeMany(items, options) ?? this.#writeSingly(items, options);
  }

  async *#writeSingly(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    { signal }: WriteOptions,
  ): AsyncGenerator<readonly WriteResult[]> {
    throwIfAborted(signal);
    const width = WAITING_FILES;
    const limits = { width, groupSize: GROUP_SIZE, groupMs: GROUP_MS };
    for await (const group of grouped(items, (item) => this.#writer.write(item, signal), limits)) {
      yield group;
      throwIfAborted(signal);
    }
  }

  makeDirectory(
    path: SyncPath,
    options: MutationOptions & { readonly mode?: number } = {},
  ): Promise<Entry> {
    return this.#blame.during(path, options.signal, () =>
      makeCollection(this.#session, this.probe, path, options),
    );
  }

  async makeLink(path: SyncPath): Promise<SymlinkEntry> {
    throw new FerryError(
      'KIND_NOT_SUPPORTED',
      `${path}: WebDAV servers keep no symbolic links; it stays on the other side only`,
      { path },
    );
  }

  move(
    from: SyncPath,
    to: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<Entry> {
    return this.#blame.during(to, options.signal, () =>
      movePath(this.#session, this.probe, { from, to }, options),
    );
  }

  remove(
    path: SyncPath,
    options: MutationOptions & {
      readonly expected: Version | 'directory';
      readonly displacement?: Displacement;
    },
  ): Promise<void> {
    return this.#blame.during(path, options.signal, () =>
      removePath(this.#session, this.probe, path, options),
    );
  }

  setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry> {
    return this.#blame.during(path, options.signal, () =>
      setFileMetadata(this.#session, this.probe, path, { ...options, metadata }),
    );
  }

  space({ signal }: MutationOptions = {}): Promise<Space | null> {
    return readSpace(this.#session, signal);
  }

  /** A WebDAV server answers when it has stored something; there is nothing more that could be asked of it. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.#session.http.close();
  }
}

function capabilitiesOf(probe: ProbeResult): ReplicaCapabilities {
  return {
    contentHashes: false,
    identities: probe.fileIds,
    symlinks: false,
    modes: probe.modes,
    mtimePrecisionNs: mtimePrecisionNs(probe),
    // Trials one after another cannot prove what two clients at the same moment would see; Apache lets both through.
    conditionalWrites: probe.companion ? 'atomic' : 'window',
    placeholders: false,
    caseSensitive: probe.caseSensitive,
    maxNameBytes: probe.maxNameBytes,
  };
}

function mtimePrecisionNs(probe: ProbeResult): bigint | null {
  if (probe.setsMtime === 'seconds') return 1_000_000_000n;
  if (probe.setsMtime === 'microseconds') return 1000n;
  return probe.setsMtime === 'nanoseconds' || probe.deadProperties ? 1n : null;
}
