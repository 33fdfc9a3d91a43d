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
  readonly problems: number;
  readonly recordedEntries: number;
  readonly resetting: boolean;
  /** Drives only: files written but not uploaded yet, and how the drive is shown. */
  readonly pendingUploads?: number;
  readonly mountBackend?: 'fuse-native' | 'folder';
}

/** The whole state, sent on every change as one line of `GET /events`, and as the answer of `GET /state`. */
export interface ApiState {
  readonly version: string;
  readonly pid: number;
  readonly pairs: readonly ApiPair[];
}

/**
 * Commands, each `POST /pairs/NAME/COMMAND` with a JSON body:
 * sync {allowDeletes?, yes?} · cancel · pause · resume · direction {direction} · reset {} · unmount (drives)
 * and `POST /shutdown`, `POST /reload`. Errors: {error: {code, message, path?}} with status 4xx or 5xx.
 */
export type ApiCommand = 'sync' | 'cancel' | 'pause' | 'resume' | 'direction' | 'reset' | 'unmount';

export interface ApiErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly path?: string };
}
