import type { Entry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { isAtOrBelow, nameOf, type SyncPath } from '../../core/model/path.ts';
import type { ObserveOptions } from '../../core/observation.ts';
import type {
  IdentifyOptions,
  ReplicaCapabilities,
  RootIdentity,
  WriteItem,
  WriteResult,
} from '../../core/ports.ts';
import type { Audit } from './audit.ts';
import type { Scheduler } from './scheduler.ts';
import { type FeedTraits, SimFeed } from './sim-feed.ts';
import { changed, type Expected, SimReplica } from './sim-replica.ts';
import { type Inode, Tree } from './tree.ts';

/** What a server offers. */
export interface ServerTraits extends FeedTraits {
  readonly hashes: boolean;
  readonly symlinks: boolean;
  readonly modes: boolean;
  /** Null: times cannot be set. */
  readonly mtimePrecisionNs: bigint | null;
  /** The server tells which tree it serves. */
  readonly rootId: boolean;
}

/** A server: its tree, and what happens to it as a whole. */
export class SimServer {
  readonly traits: ServerTraits;
  readonly tree: Tree;
  /** It shows an empty tree and takes nothing. */
  isWiped = false;
  /** Another one after the tree was replaced as a whole. */
  epoch = 1;
  /** Listings so far; no two look the same. */
  listings = 0;
  readonly feed: SimFeed;
  #snapshot: Inode | null = null;

  constructor(traits: ServerTraits, nowMs: () => number) {
    this.traits = traits;
    this.tree = new Tree(nowMs, false);
    this.feed = new SimFeed(traits);
  }

  snapshot(): void {
    this.#snapshot = this.tree.copy();
  }

  /** Goes back to the snapshot; false when there is none. */
  restore(): boolean {
    const snapshot = this.#snapshot;
    if (snapshot === null) return false;
    this.tree.root.children.clear();
    for (const [name, node] of snapshot.children) this.tree.root.children.set(name, node);
    this.snapshot();
    this.epoch++;
    this.feed.beginAnew();
    return true;
  }
}

export interface SimRemoteOptions {
  readonly server: SimServer;
  readonly scheduler: Scheduler;
  readonly audit: Audit;
  readonly lanes: number;
}

/** Returns a replica on a simulated server: each request is one step, and writes are conditional on the server. */
export function openSimRemote(options: SimRemoteOptions): SimReplica {
  return new SimRemote(options);
}

function capabilitiesOf(traits: ServerTraits): ReplicaCapabilities {
  return {
    contentHashes: traits.hashes,
    identities: traits.identities,
    symlinks: traits.symlinks,
    modes: traits.modes,
    mtimePrecisionNs: traits.mtimePrecisionNs,
    conditionalWrites: 'atomic',
    placeholders: false,
    caseSensitive: true,
    maxNameBytes: 255,
  };
}

class SimRemote extends SimReplica {
  readonly #server: SimServer;
  readonly #nothing: Inode;

  constructor({ server, scheduler, audit, lanes }: SimRemoteOptions) {
    const capabilities = capabilitiesOf(server.traits);
    super({ side: 'remote', tree: server.tree, scheduler, audit, capabilities, lanes });
    this.#server = server;
    this.#nothing = server.tree.make('directory');
    server.feed.entryOf = (path, node) => this.entryOf(path, node);
  }

  /** What changes is told from then on, whoever did it; what two requests see between them is never left out. */
  protected override step<T>(label: string, perform: () => T): Promise<T> {
    const { feed } = this.#server;
    return super.step(label, () => {
      feed.notice(this.root);
      try {
        return perform();
      } finally {
        feed.notice(this.root);
      }
    });
  }

  protected override hearOf(directory: SyncPath, { listings }: ObserveOptions): void {
    if (this.#server.traits.feed === 'none') return;
    this.#server.listings++;
    listings?.listed(directory, `listing ${this.#server.listings}`);
  }

  protected get root(): Inode {
    return this.#server.isWiped ? this.#nothing : this.tree.root;
  }

  protected versionOf(node: Inode): Version {
    return remoteVersion(node);
  }

  async identify({ since }: IdentifyOptions = {}): Promise<RootIdentity> {
    const { traits, feed } = this.#server;
    const asks = since !== undefined && traits.feed !== 'none';
    return this.step(asks ? 'list changes' : 'identify', () => {
      const told = asks ? { feed: feed.since(since) } : {};
      if (!traits.rootId) return { id: null, ...told };
      return { id: this.#server.isWiped ? 'other' : `epoch ${this.#server.epoch}`, ...told };
    });
  }

  async flush(): Promise<void> {}

  async move(from: SyncPath, to: SyncPath, options: Expected): Promise<Entry> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'move', from, options.expected);
    this.audit.change(this.side, 'move to', to);
    if (from !== to && isAtOrBelow(to, from))
      throw new FerryError('NAME_NOT_ALLOWED', `${from} cannot be moved into itself`, { path: to });
    return this.step(`move ${from} -> ${to}`, () => {
      this.#mustServe();
      const node = this.expectNode(from, options.expected);
      const source = this.tree.directoryOf(from) as Inode;
      this.tree.rename(source, nameOf(from), this.expectAbsent(to), nameOf(to));
      return this.entryOf(to, node);
    });
  }

  async remove(path: SyncPath, options: Expected): Promise<void> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'remove', path, options.expected);
    return this.step(`delete ${path}`, () => {
      this.#mustServe();
      const node = this.expectNode(path, options.expected);
      if (node.children.size > 0)
        throw new FerryError('NOT_EMPTY', `${path} is not empty`, { path });
      this.tree.unlink(this.tree.directoryOf(path) as Inode, nameOf(path));
    });
  }

  protected override place(path: string, node: Inode): Inode {
    this.#mustServe();
    return super.place(path, node);
  }

  protected commit(
    group: readonly { readonly item: WriteItem; readonly text: string }[],
  ): Promise<readonly WriteResult[]> {
    return Promise.all(
      group.map(async ({ item, text }): Promise<WriteResult> => {
        try {
          const entry = await this.step(`put ${item.path}`, () => this.#put(item, text));
          return { item, entry };
        } catch (error) {
          return { item, error: toFerryError(error, item.path) };
        }
      }),
    );
  }

  #put(item: WriteItem, text: string) {
    const { path, expected } = item;
    this.#mustServe();
    const canSetTimes = this.capabilities.mtimePrecisionNs !== null;
    const mtimeNs = item.mtimeNs !== undefined && canSetTimes ? this.cut(item.mtimeNs) : undefined;
    let node: Inode;
    if (expected === 'absent') node = this.place(path, this.tree.make('file'));
    else node = this.expectNode(path, expected);
    if (node.kind !== 'file') throw changed(path, 'it is no file');
    this.tree.setText(node, text, mtimeNs);
    if (item.mode !== undefined && this.capabilities.modes) node.mode = item.mode & 0o777;
    this.audit.wrote(this.side, text);
    return this.fileEntryOf(path, node);
  }

  #mustServe(): void {
    if (this.#server.isWiped)
      throw new FerryError('REMOTE_UNREACHABLE', 'the server takes nothing now');
  }
}

/** The entity tag of a file. */
export function remoteVersion(node: Inode): Version {
  return `"${node.ino}-${node.change}"` as Version;
}
