// Types of the control API: all that tray/ (and later ui/) may import of the daemon. No code, no imports of ours.

export type ApiDirection = 'two-way' | 'remote-to-local' | 'local-to-remote';

export interface ApiProgress {
  readonly phase: string;
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface ApiPair {
  readonly name: string;
  readonly kind: 'folder' | 'drive';
  readonly local: string;
  readonly remote: string;
  readonly direction: ApiDirection;
  readonly paused: boolean;
  readonly running: boolean;
  readonly inSync: 'unknown' | 'pending' | 'in-sync';
  readonly progress: ApiProgress | null;
  /** Milliseconds since 1970; null: never, or not scheduled. */
  readonly lastRunAtMs: number | null;
  readonly nextRunAtMs: number | null;
  readonly lastError: { readonly code: string; readonly message: string } | null;
  readonly conflicts: number;
  /** A plan that a guard stopped; absent while none is held. */
  readonly heldPlan?: ApiHeldPlan;
  readonly problems: number;
  /** When the first of them is tried again, in ms since 1970; absent: in the next run, or none is. */
  readonly nextRetryAtMs?: number;
  readonly recordedEntries: number;
  readonly resetting: boolean;
  /** Drives only: files written but not uploaded yet, and how the drive is shown. */
  readonly pendingUploads?: number;
  readonly cache?: ApiCache;
  readonly mountBackend?: 'native' | 'fuse-native' | 'folder';
  /** Whether the kernel reads files of the native backend by itself that are on this device. */
  readonly passthrough?: ApiPassthrough;
  /** Why a drive is shown as a folder. */
  readonly mountNote?: string;
  /** Where files are now that were written into the mount point while the drive was gone. */
  readonly putAside?: string;
  /** Paused until then; absent while paused: until it is resumed. */
  readonly pausedUntilMs?: number;
  /** What the last run that ended well did. */
  readonly lastRun?: ApiRunCounts;
}

/** `untried` until a program has opened a file that is on this device. */
export type ApiPassthrough = 'yes' | 'untried' | 'not-permitted' | 'not-supported';

/** A file of which more is being fetched. */
export interface ApiHydration {
  readonly path: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** What of a drive is on this device. */
export interface ApiCache {
  readonly storedBytes: number;
  /** Null: as much as the disk has. */
  readonly limitBytes: number | null;
  /** So much of the disk stays free. */
  readonly keepFreeBytes: number;
  /** Files and directories that were pinned themselves. */
  readonly pinned: number;
  readonly isFetchingPinned: boolean;
  /** Why something pinned is not here. */
  readonly pinProblem?: { readonly code: string; readonly message: string };
  /** Files that are being fetched; the first few of them by name. */
  readonly hydratingFiles: number;
  readonly hydrating: readonly ApiHydration[];
}

/** What a stopped run would have done to both sides together, as far as guards count it. */
export interface ApiHeldPlan {
  /** Milliseconds since 1970. */
  readonly heldAtMs: number;
  readonly deletions: number;
  readonly replacements: number;
  readonly conflicts: number;
  /** What the guard said. */
  readonly message: string;
}

/** The counts of a run's summary; the lists in it can be very long and are fetched by themselves. */
export interface ApiRunCounts {
  readonly uploaded: number;
  readonly downloaded: number;
  readonly moved: number;
  readonly deletedLocal: number;
  readonly deletedRemote: number;
  readonly adopted: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly durationMs: number;
  /** One-way: entries that are only on the destination, changed there, removed there. */
  readonly localOnly: number;
  readonly changedHere: number;
  readonly removedHere: number;
}

/** The whole state, sent on every change as one line of `GET /events`, and as the answer of `GET /state`. */
export interface ApiState {
  readonly version: string;
  readonly pid: number;
  readonly pairs: readonly ApiPair[];
  /** What starts the daemon again when it ends unexpectedly, and how often it had to; absent: nothing does. */
  readonly supervisor?: { readonly pid: number; readonly crashes: readonly ApiCrash[] };
}

/** A daemon that ended unexpectedly. */
export interface ApiCrash {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly pid: number;
  /** The signal that ended it, or its exit code. */
  readonly how: string;
}

/**
 * Commands, each `POST /pairs/NAME/COMMAND` with a JSON body:
 * sync {allowDeletes?, yes?, dryRun?, settings? (of a dry run), release?, wait?} · drop-plan · cancel · pause {untilMs? or forMs?} · resume · direction {direction} ·
 * preview-reset · reset {yes?, wait?} · resolve {paths or all, keep, dryRun?} · show-conflict {path} · why {path} ·
 * versions {path?, deleted?} · restore {path?, version? or atMs?, side?, to?, dryRun?} ·
 * undo {run?, additions?, dryRun?} · pin {paths} · unpin {paths} · free {paths} · hydrate {paths} (these four: drives; hydrate
 * answers with lines of progress, the last of which has the report or an error; it ends with its connection) · unmount {lazy?} (drives; also takes it out of the
 * configuration) and `POST /shutdown`, `POST /reload`. With `wait` the answer is the summary of the run, sent when
 * it ended; otherwise 202 at once. `GET /pairs/NAME/conflicts`, `problems` and `runs` answer lists, `GET /pairs/NAME/plan`
 * the held plan or null.
 * Errors: {error: {code, message, path?}} with status 4xx or 5xx.
 */
export type ApiCommand =
  | 'sync'
  | 'cancel'
  | 'pause'
  | 'resume'
  | 'direction'
  | 'preview-reset'
  | 'reset'
  | 'resolve'
  | 'show-conflict'
  | 'drop-plan'
  | 'why'
  | 'versions'
  | 'restore'
  | 'undo'
  | 'pin'
  | 'unpin'
  | 'free'
  | 'hydrate'
  | 'unmount';

export interface ApiErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly path?: string };
}
