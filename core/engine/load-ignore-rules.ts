import type { Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import { DigestSum } from '../records/digest.ts';
import type { Records } from '../records/records.ts';
import { compileIgnoreRules, IGNORE_FILE, type IsIgnored } from './ignore-rules.ts';
import type { PairSettings } from './pair-settings.ts';
import { readWhole } from './read-whole.ts';

export interface LoadIgnoreRulesOptions {
  readonly settings: PairSettings;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly signal: AbortSignal;
}

/**
 * Returns the pair's rules with those of the local root's ignore file. What is known of listings was judged by the
 * rules of then: with others it is forgotten.
 */
export async function loadIgnoreRules({
  settings,
  replicas,
  records,
  signal,
}: LoadIgnoreRulesOptions): Promise<IsIgnored> {
  const own = await readWhole(replicas.local, IGNORE_FILE as SyncPath, signal);
  const lines = own === null ? [] : own.toString('utf8').split(/\r?\n/);
  const patterns = [...lines, ...settings.ignore];
  records.judgeListingsBy(rulesOf(patterns, replicas));
  return compileIgnoreRules(patterns);
}

/** Names everything by which it is judged what of a listing is an entry. */
function rulesOf(
  patterns: readonly string[],
  replicas: LoadIgnoreRulesOptions['replicas'],
): string {
  const sides = [replicas.local, replicas.remote].map(({ capabilities }) => [
    capabilities.symlinks,
    capabilities.maxNameBytes,
    capabilities.caseSensitive,
  ]);
  const sum = new DigestSum();
  sum.add('rules', JSON.stringify([patterns, sides]));
  return sum.digest.sum;
}
