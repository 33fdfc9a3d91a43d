import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Explanation } from '../core/engine/explain.ts';
import type { HeldPlan } from '../core/engine/held-plan.ts';
import type { ResetPreview, RunSummary } from '../core/engine/pair-engine.ts';
import type { PairHistory } from '../core/engine/pair-history.ts';
import type { ConflictChoice, ConflictOutcome } from '../core/engine/resolve-conflict.ts';
import type { ConflictView } from '../core/engine/show-conflict.ts';
import { type ErrorCode, FerryError } from '../core/model/errors.ts';
import type { Conflict, Problem } from '../core/model/problem.ts';
import type { ApiCommand, ApiErrorBody, ApiState } from './api.ts';
import { type RemoteCache, remoteCache } from './cache-api.ts';
import { remoteHistory } from './history-api.ts';

/** Talks to the daemon. All methods reject with the FerryError that the daemon met. */
export interface ControlClient {
  state(signal?: AbortSignal): Promise<ApiState>;
  /** Yields the state now and on every change, until the daemon ends. */
  events(signal?: AbortSignal): AsyncIterable<ApiState>;
  command(pair: string, command: ApiCommand, body?: unknown): Promise<void>;
  /** Runs `sync` or `reset` and waits for its summary. */
  run(pair: string, command: 'sync' | 'reset', body: object): Promise<RunSummary>;
  previewReset(pair: string): Promise<ResetPreview>;
  explain(pair: string, path: string): Promise<Explanation>;
  heldPlan(pair: string): Promise<HeldPlan | null>;
  dropHeldPlan(pair: string): Promise<boolean>;
  conflicts(pair: string): Promise<readonly Conflict[]>;
  showConflict(pair: string, path: string): Promise<ConflictView>;
  resolveConflicts(pair: string, choice: ConflictChoice): Promise<readonly ConflictOutcome[]>;
  problems(pair: string): Promise<readonly Problem[]>;
  history(pair: string): PairHistory;
  /** What of a drive is on this device. */
  cache(drive: string): RemoteCache;
  reload(): Promise<void>;
  shutdown(): Promise<void>;
}

function notRunning(cause: unknown): FerryError {
  return new FerryError('DAEMON_NOT_RUNNING', 'the daemon is not running: ferry daemon start', {
    cause,
  });
}

function open(
  socketPath: string,
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly signal?: AbortSignal | undefined } = {},
): Promise<IncomingMessage> {
  const text = options.body === undefined ? '' : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath,
      method,
      path,
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    sent.on('response', resolve);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.name === 'AbortError'
          ? new FerryError('ABORTED', 'cancelled', { cause: error })
          : notRunning(error),
      );
    });
    sent.end(text);
  });
}

async function call<T>(
  socketPath: string,
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const response = await open(socketPath, method, path, options);
  if ((response.statusCode ?? 500) >= 400) throw await errorIn(response);
  return (await bodyOf(response)) as T;
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (error) {
    throw notRunning(error);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

async function errorIn(response: IncomingMessage): Promise<FerryError> {
  const { error } = (await bodyOf(response)) as ApiErrorBody;
  const { code, message, path } = error;
  return new FerryError(code as ErrorCode, message, path === undefined ? {} : { path });
}

/** Yields the lines of an answer, and ends it when nobody reads them any more. */
async function* linesOf<T>(
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity }))
      if (line !== '') yield JSON.parse(line) as T;
  } catch (error) {
    if (signal?.aborted) throw new FerryError('ABORTED', 'cancelled', { cause: error });
    throw notRunning(error);
  } finally {
    response.destroy();
  }
}

async function* lines<T>(
  socketPath: string,
  path: string,
  options: { readonly body: unknown; readonly signal: AbortSignal },
): AsyncGenerator<T, void, undefined> {
  const response = await open(socketPath, 'POST', path, options);
  if ((response.statusCode ?? 500) >= 400) throw await errorIn(response);
  yield* linesOf<T>(response, options.signal);
}

/** Returns a client for the daemon that listens at `socketPath`; nothing is sent yet. */
export function createControlClient(socketPath: string): ControlClient {
  const at = (pair: string, what: string) => `/pairs/${encodeURIComponent(pair)}/${what}`;
  const post = <T>(path: string, body: unknown = {}) => call<T>(socketPath, 'POST', path, { body });
  return {
    state: (signal) => call(socketPath, 'GET', '/state', { signal }),
    async *events(signal) {
      const response = await open(socketPath, 'GET', '/events', { signal });
      yield* linesOf<ApiState>(response, signal);
    },
    command: (pair, command, body) => post(at(pair, command), body),
    run: (pair, command, body) => post(at(pair, command), { ...body, wait: true }),
    previewReset: (pair) => post(at(pair, 'preview-reset')),
    explain: (pair, path) => post(at(pair, 'why'), { path }),
    heldPlan: (pair) => call(socketPath, 'GET', at(pair, 'plan')),
    dropHeldPlan: async (pair) => (await post<{ dropped: boolean }>(at(pair, 'drop-plan'))).dropped,
    conflicts: (pair) => call(socketPath, 'GET', at(pair, 'conflicts')),
    showConflict: (pair, path) => post(at(pair, 'show-conflict'), { path }),
    resolveConflicts: (pair, { paths, keep, dryRun }) =>
      post(at(pair, 'resolve'), { keep, dryRun, ...(paths === 'all' ? { all: true } : { paths }) }),
    history: (pair) =>
      remoteHistory((method, command, body) =>
        call(socketPath, method, at(pair, command), { body }),
      ),
    cache: (drive) =>
      remoteCache({
        post: (command, body) => post(at(drive, command), body),
        lines: (command, body, signal) => lines(socketPath, at(drive, command), { body, signal }),
      }),
    problems: (pair) => call(socketPath, 'GET', at(pair, 'problems')),
    reload: () => post('/reload'),
    shutdown: () => post('/shutdown'),
  };
}

/** A daemon that runs answers at once, on a machine that is overloaded after seconds. */
const ANSWER_MS = 10_000;

/**
 * Returns a client of the daemon that runs.
 * @throws DAEMON_NOT_RUNNING; LOCAL_BUSY where it runs and does not answer
 */
export async function clientOfDaemon(
  socketPath: string,
  answerMs = ANSWER_MS,
): Promise<ControlClient> {
  const client = createControlClient(socketPath);
  const limit = AbortSignal.timeout(answerMs);
  try {
    await client.state(limit);
    return client;
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new FerryError(
      'LOCAL_BUSY',
      `the daemon runs, but has not answered for ${answerMs / 1000} s: try again, and look at ferry log`,
      { cause: error },
    );
  }
}

/** Returns a client, or null when no daemon runs. @throws LOCAL_BUSY where one runs and does not answer */
export async function connectDaemon(
  socketPath: string,
  answerMs = ANSWER_MS,
): Promise<ControlClient | null> {
  try {
    return await clientOfDaemon(socketPath, answerMs);
  } catch (error) {
    if (error instanceof FerryError && error.code === 'LOCAL_BUSY') throw error;
    return null; // The work has to be done here.
  }
}
