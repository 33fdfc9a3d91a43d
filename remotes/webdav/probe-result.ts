/**
 * What a server was seen to honour. Plain JSON, so that it can be kept with the remote; `false` and null mean "not
 * proven", never "proven not to".
 */
export interface ProbeResult {
  /** Format of this object; another one is probed again. */
  readonly format: 1;
  readonly probedAtMs: number;
  /** What the server calls itself. */
  readonly server: string | null;
  /** It is Ferry's own companion server. */
  readonly companion: boolean;
  readonly requests: number;

  /** `If-Match`: the right ETag is accepted and a wrong one refused with nothing done. */
  readonly ifMatch: {
    readonly put: boolean;
    readonly remove: boolean;
    readonly move: boolean;
  };
  /** `If-None-Match: *` refuses to overwrite, and lets a new file through. */
  readonly ifNoneMatch: boolean;
  /** RFC 4918 `If: (["etag"])` on PUT: right accepted, wrong refused. */
  readonly ifLists: boolean;
  /**
   * A lock shuts others out of PUT, DELETE and MOVE onto it, and lets its owner through; how the owner shows it on the
   * file itself: with its name in the `If` header, or without (nginx finds no lock by a name that is encoded).
   */
  readonly locks: 'named' | 'unnamed' | 'no';
  /** `Overwrite: F` keeps MOVE from replacing. */
  readonly overwriteFalse: boolean;
  /** A PUT that is cut off leaves nothing. */
  readonly atomicPut: boolean;
  /** MKCOL refuses where something is. */
  readonly mkcolRefusesExisting: boolean;

  /** ETags are in listings; `weak-at-first`: weak just after a write, and then not accepted by If-Match. */
  readonly etags: 'strong' | 'weak-at-first' | 'weak' | 'none';
  /** `seconds`: two states within one second and of one size look the same. */
  readonly versions: 'exact' | 'seconds';
  /** PUT answers with the strong ETag that the file has from then on. */
  readonly etagOfPut: boolean;
  /** `X-OC-Mtime` sets the time; precision of what is then listed. */
  readonly setsMtime: 'nanoseconds' | 'microseconds' | 'seconds' | 'no';
  /** PROPPATCH keeps properties of ours. */
  readonly deadProperties: boolean;
  readonly modes: boolean;
  /** Resources carry an id that survives a rename. */
  readonly fileIds: boolean;
  /** A whole tree comes in one listing. */
  readonly depthInfinity: boolean;
  readonly ranges: boolean;

  /** Names that begin with a dot are listed; nginx hides them. */
  readonly listsDotNames: boolean;
  readonly caseSensitive: boolean;
  readonly maxNameBytes: number;
  /** Odd names that did not come back as they were sent. */
  readonly unusableNames: readonly string[];
  /** The server's clock minus this one's. */
  readonly clockSkewMs: number | null;
  readonly quotaAvailableBytes: number | null;
}

/** What is assumed of a server that lets nothing be written: nothing. */
export const UNPROVEN_ABILITIES = {
  companion: false,
  ifMatch: { put: false, remove: false, move: false },
  ifNoneMatch: false,
  ifLists: false,
  locks: 'no',
  overwriteFalse: false,
  atomicPut: false,
  mkcolRefusesExisting: false,
  etags: 'none',
  versions: 'seconds',
  etagOfPut: false,
  setsMtime: 'no',
  deadProperties: false,
  modes: false,
  fileIds: false,
  depthInfinity: false,
  ranges: false,
  listsDotNames: true,
  caseSensitive: true,
  maxNameBytes: 255,
  unusableNames: [],
} as const satisfies Partial<ProbeResult>;

/** What the companion server is known to do. */
export const COMPANION_ABILITIES = {
  companion: true,
  ifMatch: { put: true, remove: true, move: true },
  ifNoneMatch: true,
  ifLists: true,
  locks: 'named',
  overwriteFalse: true,
  atomicPut: true,
  mkcolRefusesExisting: true,
  etags: 'strong',
  versions: 'exact',
  etagOfPut: true,
  setsMtime: 'nanoseconds',
  deadProperties: true,
  modes: true,
  fileIds: true,
  depthInfinity: true,
  ranges: true,
  listsDotNames: true,
  caseSensitive: true,
  maxNameBytes: 255,
  unusableNames: [],
} as const satisfies Partial<ProbeResult>;
