import type { ListedVersion } from '../../core/engine/pair-history.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count, formatBytes, formatTable, formatTime, printable } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { pairPathsOf } from '../pair-path.ts';

export interface VersionsFlags {
  readonly pair?: string;
  readonly deleted?: boolean;
}

const CAUSES: Readonly<Record<string, string>> = {
  replaced: 'replaced',
  deleted: 'deleted',
  mirror: 'taken away by a mirror',
  reset: 'replaced by a reset',
  undo: 'taken back by an undo',
  restore: 'gave way to a restored version',
  resolved: 'lost a conflict',
};

function whyOf({ cause, isOnlyCopy, run }: ListedVersion): string {
  const why = cause === null ? 'replaced or deleted' : (CAUSES[cause] ?? cause);
  const by = run === null || run === 0 ? '' : `, run ${run}`;
  return `${why}${by}${isOnlyCopy ? '; the only copy' : ''}`;
}

function print(context: Context, pair: string, versions: readonly ListedVersion[]): void {
  const { terminal } = context;
  const now = Date.now();
  const byPath = new Map<string, ListedVersion[]>();
  for (const version of versions) {
    const own = byPath.get(version.path);
    if (own) own.push(version);
    else byPath.set(version.path, [version]);
  }
  for (const [path, own] of byPath) {
    const isThere = own.some((version) => version.isThere);
    terminal.text(terminal.bold(`${pair}: ${printable(path)}${isThere ? '' : ' (not there now)'}`));
    const rows = own.map((version) => [
      `  ${version.id}`,
      formatTime(version.keptAtMs, now),
      version.kind === 'symlink' ? 'link' : formatBytes(version.sizeBytes),
      version.side,
      whyOf(version),
    ]);
    terminal.text(formatTable(rows));
  }
}

/** `ferry versions PATH...`: what is kept of files, or of everything below directories. */
export async function versions(
  context: Context,
  args: readonly string[],
  flags: VersionsFlags,
): Promise<number> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const found: (ListedVersion & { readonly pair: string })[] = [];
  for (const text of args) {
    const readings = pairPathsOf(context, config, text, flags.pair);
    if (readings.length === 0) throw usage(`${text} is in none of the pairs: ferry pair list`);
    for (const { pair, path } of readings) {
      const access = await accessPair(context, config, client, pair, { dryRun: true });
      try {
        const request = { path, deleted: flags.deleted ?? false, signal: context.signal };
        const own = await access.history.versions(request);
        if (own.length === 0) continue;
        found.push(...own.map((version) => ({ ...version, pair })));
        print(context, pair, own);
        break;
      } finally {
        await access.close();
      }
    }
  }
  context.terminal.document(found);
  context.terminal.note(
    found.length === 0
      ? 'ferry: no version is kept of it'
      : `ferry: ${count(found.length, 'version')}; ferry restore PATH [--version ID] brings one back`,
  );
  return EXIT.ok;
}
