import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { distinctUntilChanged, map, type Observable, Subject, takeUntil, throttleTime } from 'rxjs';
import type { PreviewedSettings, RunRequest, RunSummary } from '../core/engine/pair-engine.ts';
import type { ConflictChoice } from '../core/engine/resolve-conflict.ts';
import { DIRECTIONS } from '../core/model/entry.ts';
import { type ErrorCode, FerryError, toFerryError } from '../core/model/errors.ts';
import { parseSyncPath } from '../core/model/path.ts';
import type { Logger } from '../core/ports.ts';
import type { ApiErrorBody, ApiState } from './api.ts';
import { CACHE_COMMANDS, hydrateInLines } from './cache-api.ts';
import type { Daemon } from './daemon.ts';
import { HISTORY_COMMANDS } from './history-api.ts';
import { type Home, makePrivateDirectory } from './home.ts';
import type { PairSession } from './pair-session.ts';
import { boolean, listOf, number, object, oneOf, string } from './parse.ts';

const MAX_BODY_BYTES = 65_536;
/** Progress changes faster than anybody can look at it. */
const EVENT_INTERVAL_MS = 100;

const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 400,
  LOCAL_NOT_FOUND: 404,
  REMOTE_NOT_FOUND: 404,
  GUARD_STOPPED: 409,
  RECORD_LOCKED: 423,
  MOUNT_BUSY: 423,
  ABORTED: 409,
};

export interface ControlServerOptions {
  readonly daemon: Pick<Daemon, 'session' | 'reload' | 'pause' | 'setDirection' | 'unmount'> & {
    readonly state: ApiState;
    readonly state$: Observable<ApiState>;
  };
  readonly home: Home;
  readonly logger: Logger;
  /** Somebody asked for the end; the answer has been sent. */
  readonly onShutdown: () => void;
}

/** What a command answers at once. */
type Answer = { readonly status: number; readonly body: unknown };

/** What a command answers line by line, until it is done or nobody listens any more. */
type Lines = {
  readonly lines: (options: {
    readonly emit: (line: unknown) => void;
    readonly signal: AbortSignal;
  }) => Promise<void>;
};

type Call = {
  readonly session: PairSession;
  readonly body: unknown;
  readonly options: ControlServerOptions;
};

const done: Answer = { status: 200, body: {} };

const ignoreUnknown = () => undefined;

const parsePreviewed = object(
  (reader): PreviewedSettings => ({
    ...reader.spread('direction', oneOf(DIRECTIONS)),
    ...reader.spread('deletes', oneOf(['propagate', 'keep'] as const)),
    ...reader.spread('mirror', boolean),
    ...reader.spread('ignore', listOf(string)),
  }),
  ignoreUnknown,
);

const parseRun = object(
  (reader) => ({
    wait: reader.withDefault('wait', boolean, false),
    request: {
      allowDeletes: reader.withDefault('allowDeletes', boolean, false),
      yes: reader.withDefault('yes', boolean, false),
      dryRun: reader.withDefault('dryRun', boolean, false),
      release: reader.withDefault('release', boolean, false),
      settings: reader.withDefault('settings', parsePreviewed, {}),
    } satisfies RunRequest,
  }),
  () => undefined,
);

async function runCommand(
  { body, options, session }: Call,
  start: (request: RunRequest) => Promise<RunSummary>,
): Promise<Answer> {
  const { wait, request } = parseRun(body, '');
  const run = start(request);
  if (wait) return { status: 200, body: await run };
  run.catch((error: unknown) =>
    options.logger.debug('a run that nobody waited for failed', { pair: session.name, error }),
  );
  return { status: 202, body: {} };
}

const parsePath = object((reader) => parseSyncPath(reader.required('path', string)), ignoreUnknown);

const parseChoice = object((reader): ConflictChoice => {
  const all = reader.withDefault('all', boolean, false);
  const paths = reader.withDefault('paths', listOf(string), []).map(parseSyncPath);
  return {
    keep: reader.required('keep', oneOf(['local', 'remote', 'both'] as const)),
    dryRun: reader.withDefault('dryRun', boolean, false),
    paths: all ? 'all' : paths,
  };
}, ignoreUnknown);

/** Everything that can be done with one pair, by name and method. */
const COMMANDS: Readonly<Record<string, (call: Call) => Promise<Answer | Lines>>> = {
  'POST sync': (call) => runCommand(call, (request) => call.session.sync(request)),
  'POST reset': (call) => runCommand(call, (request) => call.session.reset(request)),
  'POST cancel': async ({ session }) => {
    await session.cancel();
    return done;
  },
  'POST pause': async ({ session, body, options }) => {
    const read = object(
      (reader) => ({
        untilMs: reader.optional('untilMs', number(0, 8e15)),
        forMs: reader.optional('forMs', number(1, 8e14)),
      }),
      ignoreUnknown,
    );
    const { untilMs, forMs } = read(body, '');
    const endMs = forMs === undefined ? untilMs : Date.now() + forMs;
    await options.daemon.pause(session.name, { untilMs: endMs ?? null });
    return done;
  },
  'POST resume': async ({ session, options }) => {
    await options.daemon.pause(session.name, undefined);
    return done;
  },
  'POST direction': async ({ session, body, options }) => {
    const read = object((reader) => reader.required('direction', oneOf(DIRECTIONS)), ignoreUnknown);
    await options.daemon.setDirection(session.name, read(body, ''));
    return done;
  },
  'POST preview-reset': async ({ session }) => ({
    status: 200,
    body: await session.previewReset(),
  }),
  'POST resolve': async ({ session, body }) => ({
    status: 200,
    body: await (await session.engine()).resolveConflicts(parseChoice(body, '')),
  }),
  'POST show-conflict': async ({ session, body }) => ({
    status: 200,
    body: await (await session.engine()).showConflict(parsePath(body, '')),
  }),
  'POST why': async ({ session, body }) => ({
    status: 200,
    body: await (await session.engine()).explain(parsePath(body, '')),
  }),
  'POST unmount': async ({ session, body, options }) => {
    const lazy = object((reader) => reader.withDefault('lazy', boolean, false), ignoreUnknown);
    await options.daemon.unmount(session.name, { lazy: lazy(body, '') });
    return done;
  },
  'GET plan': async ({ session }) => ({
    status: 200,
    body: await (await session.engine()).heldPlan(),
  }),
  'POST drop-plan': async ({ session }) => ({
    status: 200,
    body: { dropped: await (await session.engine()).dropHeldPlan() },
  }),
  ...Object.fromEntries(
    Object.entries(HISTORY_COMMANDS).map(([route, answerTo]) => [
      route,
      async ({ session, body }: Call): Promise<Answer> => {
        const { history } = await session.engine();
        return { status: 200, body: await answerTo(history, body) };
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(CACHE_COMMANDS).map(([route, answerTo]) => [
      route,
      async ({ session, body }: Call): Promise<Answer> => ({
        status: 200,
        body: await answerTo(await session.cache(), body),
      }),
    ]),
  ),
  'POST hydrate': async ({ session, body }) => {
    const cache = await session.cache();
    return { lines: (options) => hydrateInLines(cache, body, options) };
  },
  'GET conflicts': async ({ session }) => ({
    status: 200,
    body: await (await session.engine()).conflicts(),
  }),
  'GET problems': async ({ session }) => ({ status: 200, body: session.problems }),
};

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new FerryError('CONFIG_INVALID', 'the request is too long');
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw new FerryError('CONFIG_INVALID', 'the request is not JSON', { cause: error });
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function sendError(response: ServerResponse, error: FerryError): void {
  const { code, message, path } = error;
  const body: ApiErrorBody = { error: { code, message, ...(path === undefined ? {} : { path }) } };
  send(response, { status: STATUS_BY_CODE[code] ?? 500, body });
}

function streamEvents(
  response: ServerResponse,
  options: ControlServerOptions,
  closing$: Subject<void>,
) {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const lines$ = options.daemon.state$.pipe(
    throttleTime(EVENT_INTERVAL_MS, undefined, { leading: true, trailing: true }),
    map((state) => `${JSON.stringify(state)}\n`),
    distinctUntilChanged(),
    takeUntil(closing$),
  );
  const subscription = lines$.subscribe({
    // A reader that does not read misses states in between, and costs no memory.
    next: (line) => {
      if (!response.writableNeedDrain) response.write(line);
    },
    complete: () => response.end(),
  });
  response.on('close', () => subscription.unsubscribe());
}

/** Whoever hangs up does not want the rest. */
async function sendLines(response: ServerResponse, { lines }: Lines): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const emit = (line: unknown): void => {
    response.write(`${JSON.stringify(line)}\n`);
  };
  await lines({ emit, signal: gone.signal });
  response.end();
}

async function answer(
  request: IncomingMessage,
  options: ControlServerOptions,
): Promise<Answer | Lines> {
  const url = new URL(request.url ?? '/', 'http://daemon');
  const [, top, name, command, ...more] = url.pathname.split('/');
  const route = `${request.method} ${top}`;
  if (route === 'GET state') return { status: 200, body: options.daemon.state };
  if (route === 'POST reload') {
    await options.daemon.reload();
    return done;
  }
  const run =
    top === 'pairs' && more.length === 0 ? COMMANDS[`${request.method} ${command}`] : undefined;
  if (name === undefined || run === undefined)
    return {
      status: 404,
      body: { error: { code: 'CONFIG_INVALID', message: `no such request: ${url.pathname}` } },
    };
  const session = options.daemon.session(decodeURIComponent(name));
  return run({ session, body: await readBody(request), options });
}

/**
 * Serves the control API on a unix socket that only the user can open. The caller must be the only instance: a
 * socket that is there already is one that a dead daemon left.
 * @throws LOCAL_PERMISSION when the socket's folder is not the user's own
 */
export async function openControlServer(
  options: ControlServerOptions,
): Promise<{ close(): Promise<void> }> {
  const { home, logger } = options;
  const closing$ = new Subject<void>();
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/events') {
      streamEvents(response, options, closing$);
      return;
    }
    if (request.method === 'POST' && request.url === '/shutdown') {
      send(response, { status: 202, body: {} });
      options.onShutdown();
      return;
    }
    answer(request, options).then(
      (reply) => ('lines' in reply ? sendLines(response, reply) : send(response, reply)),
      (error: unknown) => {
        const translated = toFerryError(error);
        logger.debug('request refused', { code: translated.code, url: request.url });
        sendError(response, translated);
      },
    );
  });
  // A command that waits for its run takes as long as the run.
  server.requestTimeout = 0;
  await makePrivateDirectory(home.runtimeDirectory);
  await rm(home.socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(home.socketPath, resolve);
  });
  await chmod(home.socketPath, 0o600);
  return {
    close: async () => {
      closing$.next();
      closing$.complete();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // What still waits is told by the end of its connection.
      setTimeout(() => server.closeAllConnections(), 500).unref();
      await closed;
    },
  };
}
