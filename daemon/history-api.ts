import type { ChangeReport } from '../core/engine/local-changes.ts';
import type { ListedVersion, PairHistory } from '../core/engine/pair-history.ts';
import type { RestoreRequest } from '../core/engine/restore.ts';
import { parseSyncPath, ROOT, type SyncPath } from '../core/model/path.ts';
import type { LoggedRun } from '../core/records/run-log.ts';
import { boolean, number, type ObjectReader, object, oneOf, string } from './parse.ts';

const ignoreUnknown = () => undefined;
const anyTime = number(0, 8.64e15);
const aRun = number(1, Number.MAX_SAFE_INTEGER);

/** The root of a pair has an empty path, which is left out. */
function pathOf(reader: ObjectReader): SyncPath {
  const text = reader.optional('path', string);
  return text === undefined ? ROOT : parseSyncPath(text);
}

const parseVersions = object(
  (reader) => ({
    path: pathOf(reader),
    deleted: reader.withDefault('deleted', boolean, false),
  }),
  ignoreUnknown,
);

const parseRestore = object((reader): RestoreRequest => {
  const to = reader.optional('to', string);
  return {
    path: pathOf(reader),
    ...reader.spread('version', string),
    ...reader.spread('atMs', anyTime),
    ...reader.spread('side', oneOf(['local', 'remote'] as const)),
    ...(to === undefined ? {} : { to: parseSyncPath(to) }),
    dryRun: reader.withDefault('dryRun', boolean, false),
  };
}, ignoreUnknown);

const parseUndo = object(
  (reader) => ({
    ...reader.spread('run', aRun),
    additions: reader.withDefault('additions', boolean, false),
    dryRun: reader.withDefault('dryRun', boolean, false),
  }),
  ignoreUnknown,
);

/** What the control API answers about a pair's past, by method and command. */
export const HISTORY_COMMANDS: Readonly<
  Record<string, (history: PairHistory, body: unknown) => Promise<unknown>>
> = {
  'GET runs': (history) => history.runs(),
  'POST versions': (history, body) => history.versions(parseVersions(body, '')),
  'POST restore': (history, body) => history.restore(parseRestore(body, '')),
  'POST undo': (history, body) => history.undo(parseUndo(body, '')),
};

/** Returns a pair's past as the daemon tells it; `ask` sends one request about the pair. */
export function remoteHistory(
  ask: <T>(method: 'GET' | 'POST', command: string, body?: object) => Promise<T>,
): PairHistory {
  const withoutRoot = <T extends { readonly path: SyncPath }>({ path, ...rest }: T): object =>
    path === ROOT ? rest : { path, ...rest };
  return {
    runs: () => ask<readonly LoggedRun[]>('GET', 'runs'),
    versions: ({ signal: _signal, ...request }) =>
      ask<readonly ListedVersion[]>('POST', 'versions', withoutRoot(request)),
    restore: ({ signal: _signal, ...request }) =>
      ask<ChangeReport>('POST', 'restore', withoutRoot(request)),
    undo: ({ signal: _signal, ...request }) => ask<ChangeReport>('POST', 'undo', request),
  };
}
