import { DIRECTIONS, type Direction } from '../core/model/entry.ts';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import {
  boolean,
  listOf,
  mapOf,
  matching,
  number,
  object,
  oneOf,
  type Parser,
  string,
  type Warn,
} from './parse.ts';
import { DAYS, type Schedule } from './schedule.ts';

/** A server or folder that has a name. The password is in the secrets, never here. */
export interface RemoteConfig {
  /** Without user and password. */
  readonly url: string;
  readonly user?: string;
  /** SHA-256 of the server's certificate, trusted when the remote was added. */
  readonly fingerprint?: string;
  /** What the server was proven to honour; opaque here. */
  readonly probe?: unknown;
}

/** Automatic runs rest until the time given (ms since 1970), or until somebody resumes (null). */
export interface Pause {
  readonly untilMs: number | null;
}

export interface PairConfig {
  readonly local: string;
  /** A remote's name, `NAME:FOLDER`, a URL or a path. */
  readonly remote: string;
  readonly direction: Direction;
  readonly schedule: Schedule;
  readonly deletes: 'propagate' | 'keep';
  readonly mirror: boolean;
  readonly ignore: readonly string[];
  readonly maxDeleteFraction: number;
  readonly trustTimes: boolean;
  readonly guardFile?: { readonly path: string; readonly pattern?: string };
  readonly bandwidthBytesPerS?: number;
  /** How long and in how much room replaced and deleted files are kept; absent: 30 days, a tenth of the room or 10 GiB. */
  readonly keepVersions?: KeepVersions;
  readonly pause?: Pause;
}

/** What bounds the contents of a drive on this device, and which of them do not leave it. */
export interface CacheBounds {
  /** Contents take no more than this on this device; absent: as much as the disk has. */
  readonly cacheLimitBytes?: number;
  /** So much of the disk stays free; absent: a twentieth of it, at most 5 GiB. */
  readonly keepFreeBytes?: number;
  /**
   * Programs that look into everything, and therefore may fetch only little of each file: what the kernel calls them,
   * and, after a space, what is in their command line. Absent: the known indexers and thumbnailers.
   */
  readonly restrictedPrograms?: readonly string[];
  /**
   * Patterns of names, beside the known ones of temporary files, that stay on this device as long as the server has none
   * there: `*`, `?` and `[…]`, `!` before one that is to be synced after all, `/` at the end for directories.
   */
  readonly temporaryNames?: readonly string[];
}

export interface DriveConfig extends CacheBounds {
  readonly remote: string;
  readonly mountPoint: string;
  readonly direction: Direction;
  /** Shows the drive as a watched folder even where a mount is possible. */
  readonly fallback: boolean;
  /** Other users of this machine may use the mount, each as the mode bits say. */
  readonly allowOthers?: boolean;
  readonly pause?: Pause;
}

/** Everything the user decided; maps are by name. */
export interface Config {
  /** Names conflict copies; absent: the host's name. */
  readonly deviceName?: string;
  readonly remotes: ReadonlyMap<string, RemoteConfig>;
  readonly pairs: ReadonlyMap<string, PairConfig>;
  readonly drives: ReadonlyMap<string, DriveConfig>;
}

/** What a Ferry without a configuration file has. */
export const EMPTY_CONFIG: Config = { remotes: new Map(), pairs: new Map(), drives: new Map() };

/** What a pair does unless it is told otherwise. */
export const PAIR_DEFAULTS = {
  direction: 'two-way',
  deletes: 'propagate',
  mirror: false,
  ignore: [],
  maxDeleteFraction: 0.25,
  trustTimes: false,
} as const satisfies Partial<PairConfig>;

const DAY_MS = 86_400_000;
const FOREVER_MS = 8.64e15;

/** Parses the name of a remote, pair or drive; it becomes part of a file's name. */
export const name: Parser<string> = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  'a name of up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit',
);

const timeOfDay = matching(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as 02:30');
const direction = oneOf(DIRECTIONS);
const absolutePath = matching(/^(\/|[A-Za-z]:[\\/])/, 'an absolute path');

function pause(warn: Warn): Parser<Pause> {
  const until: Parser<number | null> = (value, key) =>
    value === null ? null : number(0, FOREVER_MS)(value, key);
  return object((reader) => ({ untilMs: reader.optional('untilMs', until) ?? null }), warn);
}

function schedule(warn: Warn): Parser<Schedule> {
  return object(
    (reader) => ({
      ...reader.spread('everyMs', number(1000, 366 * DAY_MS)),
      at: reader.withDefault('at', listOf(timeOfDay), []),
      days: reader.withDefault('days', listOf(oneOf(DAYS)), []),
      onStart: reader.withDefault('onStart', boolean, false),
      onExit: reader.withDefault('onExit', boolean, false),
      watch: reader.withDefault('watch', boolean, false),
    }),
    warn,
  );
}

function remote(warn: Warn): Parser<RemoteConfig> {
  return object(
    (reader) => ({
      url: reader.required('url', string),
      ...reader.spread('user', string),
      ...reader.spread('fingerprint', string),
      ...reader.spread('probe', (value) => value),
    }),
    warn,
  );
}

function guardFile(warn: Warn): Parser<{ readonly path: string; readonly pattern?: string }> {
  return object(
    (reader) => ({ path: reader.required('path', string), ...reader.spread('pattern', string) }),
    warn,
  );
}

function keepVersions(warn: Warn): Parser<KeepVersions> {
  return object(
    (reader) => ({
      ...reader.spread('days', number(0, 100_000)),
      ...reader.spread('bytes', number(0, 1e18)),
      ...reader.spread('fraction', number(0, 1)),
    }),
    warn,
  );
}

/** Returns the parser of one pair; absent members get their defaults. */
export function pairParser(warn: Warn): Parser<PairConfig> {
  const scheduleParser = schedule(warn);
  return object(
    (reader) => ({
      local: reader.required('local', absolutePath),
      remote: reader.required('remote', string),
      direction: reader.withDefault('direction', direction, PAIR_DEFAULTS.direction),
      schedule: reader.withDefault('schedule', scheduleParser, scheduleParser({}, 'schedule')),
      deletes: reader.withDefault(
        'deletes',
        oneOf(['propagate', 'keep'] as const),
        PAIR_DEFAULTS.deletes,
      ),
      mirror: reader.withDefault('mirror', boolean, PAIR_DEFAULTS.mirror),
      ignore: reader.withDefault('ignore', listOf(string), PAIR_DEFAULTS.ignore),
      maxDeleteFraction: reader.withDefault(
        'maxDeleteFraction',
        number(0, 1),
        PAIR_DEFAULTS.maxDeleteFraction,
      ),
      trustTimes: reader.withDefault('trustTimes', boolean, PAIR_DEFAULTS.trustTimes),
      ...reader.spread('guardFile', guardFile(warn)),
      ...reader.spread('bandwidthBytesPerS', number(1, 1e12)),
      ...reader.spread('keepVersions', keepVersions(warn)),
      ...reader.spread('pause', pause(warn)),
    }),
    warn,
  );
}

function drive(warn: Warn): Parser<DriveConfig> {
  return object(
    (reader) => ({
      remote: reader.required('remote', string),
      mountPoint: reader.required('mountPoint', absolutePath),
      direction: reader.withDefault('direction', direction, PAIR_DEFAULTS.direction),
      fallback: reader.withDefault('fallback', boolean, false),
      ...reader.spread('allowOthers', boolean),
      ...reader.spread('cacheLimitBytes', number(1, 1e18)),
      ...reader.spread('keepFreeBytes', number(0, 1e18)),
      ...reader.spread('restrictedPrograms', listOf(string)),
      ...reader.spread('temporaryNames', listOf(string)),
      ...reader.spread('pause', pause(warn)),
    }),
    warn,
  );
}

/**
 * Returns the configuration that a parsed JSON document means.
 * @throws CONFIG_INVALID naming the key; unknown keys are only warned about.
 */
export function parseConfig(document: unknown, warn: Warn): Config {
  const none = new Map<string, never>();
  return object(
    (reader) => ({
      ...reader.spread('deviceName', string),
      remotes: reader.withDefault('remotes', mapOf(name, remote(warn)), none),
      pairs: reader.withDefault('pairs', mapOf(name, pairParser(warn)), none),
      drives: reader.withDefault('drives', mapOf(name, drive(warn)), none),
    }),
    warn,
  )(document, '');
}

/** Returns the JSON document that `parseConfig` reads back. */
export function configDocument(config: Config): unknown {
  return {
    ...(config.deviceName === undefined ? {} : { deviceName: config.deviceName }),
    remotes: Object.fromEntries(config.remotes),
    pairs: Object.fromEntries(config.pairs),
    drives: Object.fromEntries(config.drives),
  };
}
