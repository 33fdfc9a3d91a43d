import { resolve } from 'node:path';
import { DIRECTIONS, type Direction } from '../core/model/entry.ts';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import { PAIR_DEFAULTS, type PairConfig } from '../daemon/config.ts';
import { matching, oneOf } from '../daemon/parse.ts';
import { NO_SCHEDULE, type Schedule } from '../daemon/schedule.ts';
import { parseDays, parseDuration, parseFraction, parseSize } from '../daemon/units.ts';
import { usage } from './context.ts';

/** The flags that describe a pair, as the command line gives them; absent: leave as it is. */
export type PairFlags = {
  readonly direction?: string;
  readonly every?: string;
  readonly at?: string;
  readonly days?: string;
  readonly onStart?: boolean;
  readonly onExit?: boolean;
  readonly watch?: boolean;
  readonly mirror?: boolean;
  readonly trustTimes?: boolean;
  readonly deletes?: string;
  readonly ignore?: readonly string[] | false;
  readonly guardFile?: string;
  readonly maxDelete?: string;
  readonly bandwidth?: string;
  readonly keepVersionsDays?: string;
  readonly keepVersionsBytes?: string;
};

/** What takes a setting away again. */
const OFF = 'off';

const wholeDays = matching(/^\d{1,5}$/, 'a number of days such as 30, or off');
const timeOfDay = matching(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as 02:30, or off');

/** Returns a direction. @throws CONFIG_INVALID */
export function parseDirection(text: string): Direction {
  return oneOf(DIRECTIONS)(text, '--direction');
}

function scheduleFrom(before: Schedule, flags: PairFlags): Schedule {
  const { everyMs: everyBefore, ...rest } = before;
  const every = flags.every;
  const everyMs =
    every === undefined ? everyBefore : every === OFF ? undefined : parseDuration(every, '--every');
  const at =
    flags.at === undefined
      ? before.at
      : flags.at === OFF
        ? []
        : flags.at.split(',').map((each) => timeOfDay(each, '--at'));
  const days =
    flags.days === undefined
      ? before.days
      : flags.days === OFF
        ? []
        : parseDays(flags.days, '--days');
  if (days.length > 0 && at.length === 0)
    throw usage('--days says on which days --at holds: give a time as well, such as --at 02:30');
  return {
    ...rest,
    ...(everyMs === undefined ? {} : { everyMs }),
    at,
    days,
    onStart: flags.onStart ?? before.onStart,
    onExit: flags.onExit ?? before.onExit,
    watch: flags.watch ?? before.watch,
  };
}

function guardFileFrom(text: string): { readonly path: string; readonly pattern?: string } {
  const equals = text.indexOf('=');
  const path = equals < 0 ? text : text.slice(0, equals);
  const pattern = equals < 0 ? '' : text.slice(equals + 1);
  if (path === '') throw usage('--guard-file: name the file, as FILE or FILE=REGEX');
  if (pattern === '') return { path };
  try {
    new RegExp(pattern, 'u');
  } catch (error) {
    throw usage(`--guard-file: ${(error as Error).message}`);
  }
  return { path, pattern };
}

/** Returns how long versions are kept as the flags say; what they leave out stays as it was. @throws CONFIG_INVALID */
export function keepVersionsFrom(
  before: KeepVersions | undefined,
  {
    keepVersionsBytes,
    keepVersionsDays,
  }: Pick<PairFlags, 'keepVersionsBytes' | 'keepVersionsDays'>,
): { readonly keepVersions?: KeepVersions } {
  const { days, ...room } = before ?? {};
  const after = {
    ...daysFrom(days, keepVersionsDays),
    ...(keepVersionsBytes === undefined ? room : roomFrom(keepVersionsBytes)),
  };
  return Object.keys(after).length === 0 ? {} : { keepVersions: after };
}

function daysFrom(before: number | undefined, text: string | undefined): { days?: number } {
  if (text === OFF) return {};
  if (text === undefined) return before === undefined ? {} : { days: before };
  return { days: Number(wholeDays(text, '--keep-versions-days')) };
}

function roomFrom(text: string): Omit<KeepVersions, 'days'> {
  if (text === OFF) return {};
  const flag = '--keep-versions-bytes';
  return text.endsWith('%')
    ? { fraction: parseFraction(text, flag) }
    : { bytes: text === '0' ? 0 : parseSize(text, flag) };
}

/** Returns `before` with what the flags say. @throws CONFIG_INVALID naming the flag */
export function withFlags(before: PairConfig, flags: PairFlags): PairConfig {
  const {
    guardFile: guardBefore,
    bandwidthBytesPerS: bandwidthBefore,
    keepVersions: keepVersionsBefore,
    ...rest
  } = before;
  const guardFile =
    flags.guardFile === undefined
      ? guardBefore
      : flags.guardFile === OFF
        ? undefined
        : guardFileFrom(flags.guardFile);
  const bandwidthBytesPerS =
    flags.bandwidth === undefined
      ? bandwidthBefore
      : flags.bandwidth === OFF
        ? undefined
        : parseSize(flags.bandwidth, '--bandwidth');
  const direction =
    flags.direction === undefined ? before.direction : parseDirection(flags.direction);
  const mirror = flags.mirror ?? before.mirror;
  if (mirror && direction === 'two-way')
    throw usage('--mirror needs a master: say --direction remote-to-local or local-to-remote');
  return {
    ...rest,
    direction,
    mirror,
    schedule: scheduleFrom(before.schedule, flags),
    deletes:
      flags.deletes === undefined
        ? before.deletes
        : oneOf(['propagate', 'keep'] as const)(flags.deletes, '--deletes'),
    ignore: flags.ignore === undefined ? before.ignore : flags.ignore === false ? [] : flags.ignore,
    maxDeleteFraction:
      flags.maxDelete === undefined
        ? before.maxDeleteFraction
        : parseFraction(flags.maxDelete, '--max-delete'),
    trustTimes: flags.trustTimes ?? before.trustTimes,
    ...(guardFile === undefined ? {} : { guardFile }),
    ...(bandwidthBytesPerS === undefined ? {} : { bandwidthBytesPerS }),
    ...keepVersionsFrom(keepVersionsBefore, flags),
  };
}

/** Returns a new pair with the flags' settings; roots that are paths are taken from `cwd`. */
export function pairFrom(local: string, remote: string, flags: PairFlags, cwd: string): PairConfig {
  return withFlags(
    { ...PAIR_DEFAULTS, local: resolve(cwd, local), remote, schedule: NO_SCHEDULE },
    flags,
  );
}
