import type { Observable } from 'rxjs';
import type { PairEngine } from '../core/engine/pair-engine.ts';
import type { PairSettings } from '../core/engine/pair-settings.ts';
import type { Version } from '../core/model/entry.ts';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import type { SyncPath } from '../core/model/path.ts';
import type { Clock, Content, Logger, ReadOptions, Replica, Space } from '../core/ports.ts';
import type { CacheLimits } from '../fs-adapter/cache/cache-limit.ts';
import type { DriveCache } from '../fs-adapter/cache/drive-cache.ts';
import type { FetchGroup } from '../fs-adapter/cache/group-fill.ts';
import type { DriveMarks } from './drive-marks.ts';
import type { Credentials } from './secrets.ts';
import type { MountKind } from './wanted-backend.ts';

export interface PairEngineOptions {
  readonly settings: PairSettings;
  readonly local: Replica;
  readonly remote: Replica;
  readonly recordsDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface FolderReplicaOptions {
  readonly absolutePath: string;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly watch?: boolean;
  readonly keepVersions?: KeepVersions;
}

export interface TlsTrust {
  readonly caPem?: string;
  readonly pinnedFingerprint?: string;
}

/** What a server shows about itself before any trust. */
export interface ShownCertificate {
  /** SHA-256 of the certificate, as people compare it. */
  readonly fingerprint: string;
  /** What to pin: SHA-256 of its public key, which a renewed certificate keeps. */
  readonly pin: string;
  readonly subject: string;
  readonly validTo: string;
  /** Why this system does not trust it, as Node names it; null when it does. */
  readonly problem: string | null;
}

export interface WebdavOptions {
  readonly url: string;
  readonly credentials?: Credentials;
  readonly tls?: TlsTrust;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface WebdavReplicaOptions extends WebdavOptions {
  /** Marks this pair's temporary names on the server. */
  readonly ownerId: string;
  readonly probe?: unknown;
  /** The pair never writes to the remote, so what it honours is not tried. */
  readonly readsOnly?: boolean;
  /** Lets the remote tell of changes as they happen, where it can. */
  readonly watch?: boolean;
  /** Ends the opening; what is open already goes on. */
  readonly signal?: AbortSignal;
}

/** What of a drive is on this device. */
export type HostedCache = Pick<DriveCache, 'state$' | 'pin' | 'unpin' | 'hydrate' | 'free' | 'ran'>;

/** What the daemon needs of a drive. */
export interface HostedDrive {
  readonly replica: Replica;
  readonly cache: HostedCache;
  /** Files that were changed and not taken up yet. */
  readonly pending$: Observable<number>;
  /** Absent: its files show no marks. */
  readonly marks?: DriveMarks;
  readonly stats: {
    readonly backend: MountKind;
    /** Whether the kernel reads files by itself: 0, an errno, or -1: not tried yet; absent: this backend never lets it. */
    readonly passthrough?: number;
    /** Calls of programs answered since it was mounted. */
    readonly operations: number;
  };
  /** Answers where what was written into the mount point meanwhile was put; null: nothing was. */
  mount(): Promise<string | null>;
  /** @throws MOUNT_BUSY while programs use it; not with `lazy` */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>;
  /** Unmounts, lazily if programs still use it, and releases the state directory. */
  close(): Promise<void>;
}

export interface DriveOptions {
  readonly mountPoint: string;
  readonly stateDirectory: string;
  readonly name: string;
  /** Absent: the best that there is. */
  readonly backend?: MountKind;
  readonly readOnly?: boolean;
  /** Other users of this machine may use it. */
  readonly allowOthers?: boolean;
  /** False where the other side cannot keep symbolic links. */
  readonly allowSymlinks?: boolean;
  /** Reads whole small files in one request; null: the other side gives one at a time. */
  readonly fetchGroup?: FetchGroup;
  readonly limits?: CacheLimits;
  /** Programs that may fetch only little of each file; absent: the known ones. */
  readonly restrictedPrograms?: readonly string[];
  /** Patterns of names that stay on this device, beside the known ones. */
  readonly temporaryNames?: readonly string[];
  /** Asks for the room on the other side; null: not known. */
  readonly askSpace?: () => Promise<Space | null>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Fetches one version, or a part of it. */
  readonly hydrate: (
    path: SyncPath,
    version: Version,
    options: { readonly range?: NonNullable<ReadOptions['range']>; readonly signal: AbortSignal },
  ) => Promise<Content>;
}

export type MountAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/**
 * The parts that the composition root puts together. Each is loaded when it is first called, so that a command
 * pays only for what it uses, and a missing libfuse harms nobody who has no drive.
 */
export interface Parts {
  createPairEngine(options: PairEngineOptions): Promise<PairEngine>;
  openFolderReplica(options: FolderReplicaOptions): Promise<Replica>;
  openWebdavReplica(options: WebdavReplicaOptions): Promise<
    Replica & {
      /** What was found out about the server when it was opened. */ readonly probe?: unknown;
    }
  >;
  /** Returns the certificate of an https address; nothing is sent. @throws REMOTE_UNREACHABLE */
  lookAtCertificate(url: string): Promise<ShownCertificate>;
  /** Returns what the server was proven to honour, as JSON. */
  probeWebdav(options: WebdavReplicaOptions): Promise<unknown>;
  openDrive(options: DriveOptions): Promise<HostedDrive>;
  /** Says whether drives can be mounted, in any way or in the given one. */
  isMountAvailable(kind?: MountKind): Promise<MountAvailability>;
}
