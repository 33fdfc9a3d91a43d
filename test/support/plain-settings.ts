import type { PairSettings } from '../../core/engine/pair-settings.ts';

/** Settings of a two-way pair that asks for nothing special. */
export const PLAIN_SETTINGS: PairSettings = {
  name: 'pair',
  direction: 'two-way',
  deletes: 'propagate',
  mirror: false,
  ignore: [],
  maxDeleteFraction: 0.25,
  trustTimes: false,
  deviceName: 'laptop',
};
