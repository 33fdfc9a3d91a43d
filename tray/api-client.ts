import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiCommand, ApiErrorBody, ApiState } from '../daemon/api.ts';

/** The daemon as the tray sees it. */
export interface TrayApi {
  /** Calls `onState` with every state, and with null while no daemon answers, until the signal is raised. */
  follow(onState: (state: ApiState | null) => void, signal: AbortSignal): Promise<void>;
  /** Sends a command; rejects with the daemon's own words. */
  command(pair: string, command: ApiCommand, body?: object): Promise<void>;
}

const RECONNECT_MS = 2000;

function send(
  socketPath: string,
  method: string,
  path: string,
  options: { readonly body?: object; readonly signal?: AbortSignal } = {},
): Promise<IncomingMessage> {
  const text = JSON.stringify(options.body ?? {});
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const { signal } = options;
  return new Promise((resolve, reject) => {
    request({
      socketPath,
      method,
      path,
      agent: false,
      headers,
      ...(signal === undefined ? {} : { signal }),
    })
      .on('response', resolve)
      .on('error', reject)
      .end(text);
  });
}

async function eachState(
  socketPath: string,
  onState: (state: ApiState) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await send(socketPath, 'GET', '/events', { signal });
  for await (const line of createInterface({ input: response, crlfDelay: Infinity }))
    if (line !== '') onState(JSON.parse(line) as ApiState);
}

/** Returns a client for the daemon at `socketPath`; it survives restarts of the daemon. */
export function createTrayApi(socketPath: string, reconnectMs = RECONNECT_MS): TrayApi {
  return {
    async follow(onState, signal) {
      while (!signal.aborted) {
        // Neither the end of the stream nor an error is more than: not there now.
        await eachState(socketPath, onState, signal).catch(() => undefined);
        if (signal.aborted) return;
        onState(null);
        await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
      }
    },
    async command(pair, command, body) {
      const path = `/pairs/${encodeURIComponent(pair)}/${command}`;
      const response = await send(socketPath, 'POST', path, body === undefined ? {} : { body });
      const chunks: Buffer[] = [];
      for await (const part of response as AsyncIterable<Buffer>) chunks.push(part);
      if ((response.statusCode ?? 500) < 400) return;
      const { error } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ApiErrorBody;
      throw new Error(`${pair}: ${error.message}`);
    },
  };
}
