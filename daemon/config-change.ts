import type { Direction } from '../core/model/entry.ts';
import { FerryError } from '../core/model/errors.ts';
import type { Config, DriveConfig, PairConfig, Pause } from './config.ts';
import { withEntry } from './config-file.ts';

/** Returns the configuration with one pair or drive changed. @throws CONFIG_INVALID when there is none */
export function withChange(
  config: Config,
  name: string,
  change: { readonly pause?: Pause | undefined; readonly direction?: Direction },
): Config {
  const pair = config.pairs.get(name);
  const drive = config.drives.get(name);
  if (pair !== undefined)
    return { ...config, pairs: withEntry(config.pairs, name, changed(pair, change)) };
  if (drive !== undefined)
    return { ...config, drives: withEntry(config.drives, name, changed(drive, change)) };
  throw new FerryError(
    'CONFIG_INVALID',
    `there is no pair or drive named ${name}: see ferry status`,
  );
}

function changed<T extends PairConfig | DriveConfig>(
  entry: T,
  change: { readonly pause?: Pause | undefined; readonly direction?: Direction },
): T {
  const { pause: before, ...rest } = entry;
  const pause = 'pause' in change ? change.pause : before;
  const direction = change.direction ?? entry.direction;
  return { ...rest, direction, ...(pause === undefined ? {} : { pause }) } as T;
}
