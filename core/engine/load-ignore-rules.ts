import type { Side } from '../model/entry.ts';
import type { Replica } from '../ports.ts';
import { DigestSum } from '../records/digest.ts';
import type { Records } from '../records/records.ts';
import { IgnoreFiles } from './ignore-files.ts';
import type { PairSettings } from './pair-settings.ts';
import type { SideView } from './side-view.ts';

export interface LoadIgnoreRulesOptions {
  readonly settings: PairSettings;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly signal: AbortSignal;
}

/**
 * Returns the pair's rules with those of its ignore files. What is known of listings was judged by the rules of then:
 * with others it is forgotten.
 */
export async function loadIgnoreRules(options: LoadIgnoreRulesOptions): Promise<IgnoreFiles> {
  const files = await IgnoreFiles.load({ ...options, ignore: options.settings.ignore });
  judgeListings(files, options);
  return files;
}

/**
 * Takes in the ignore files that an observation has shown for the first time. Returns whether there were any: then both
 * sides have to be observed again.
 */
export async function learnIgnoreRules(
  files: IgnoreFiles,
  views: Readonly<Record<Side, SideView>>,
  options: LoadIgnoreRulesOptions,
): Promise<boolean> {
  if (!(await files.learn(views))) return false;
  judgeListings(files, options);
  return true;
}

function judgeListings(
  files: IgnoreFiles,
  { settings, replicas, records }: LoadIgnoreRulesOptions,
) {
  const sides = [replicas.local, replicas.remote].map(({ capabilities }) => [
    capabilities.symlinks,
    capabilities.maxNameBytes,
    capabilities.caseSensitive,
  ]);
  const sum = new DigestSum();
  // Everything by which it is judged what of a listing is an entry.
  const hides = replicas.local.hidesTemporaryNames === true ? ['temporary names'] : [];
  sum.add('rules', JSON.stringify([[...files.lines], settings.ignore, sides, ...hides]));
  records.judgeListingsBy(sum.digest.sum);
}
