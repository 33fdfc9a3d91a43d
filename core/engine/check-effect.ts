import { checkSources } from './doubtful-source.ts';
import { checkNetEffect, type NetEffectOptions } from './guards.ts';
import { checkOrHold, type HoldOptions } from './held-plan.ts';

export type CheckEffectOptions = Omit<NetEffectOptions, 'recordedEntries' | 'recordedFiles'> &
  Omit<HoldOptions, 'direction'>;

/** Checks what a pass amounts to before it touches anything; what is stopped is held. @throws GUARD_STOPPED */
export async function checkEffect(options: CheckEffectOptions): Promise<void> {
  const { records, settings } = options;
  await checkOrHold({ ...options, direction: settings.direction }, () => {
    checkNetEffect({ ...options, recordedEntries: records.size, recordedFiles: records.files });
    if (!options.allowDeletes && !options.yes) checkSources(options);
  });
}
