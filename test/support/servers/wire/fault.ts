import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** An answer of the server, whole. */
export interface Answered {
  readonly status: number;
  /** Without those that only concern one connection. */
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** One request on its way to the server, in the hands of a fault. */
export interface Exchange {
  readonly method: string;
  /** The path below the server's root, decoded, without slashes at its ends. */
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** How many requests this fault has struck before. */
  readonly strikes: number;
  /** Asks the server and returns what it answered; the client has heard nothing yet. */
  forward(changes?: { readonly without?: readonly string[] }): Promise<Answered>;
  /** Sends a part of an answer's body, and resolves when it is on its way. */
  send(bytes: Uint8Array): Promise<void>;
  /** Answers the client. */
  reply(answered: Answered): void;
}

/** Something that goes wrong between a client and its server. */
export interface Fault {
  /** Tells which requests it strikes; the others pass. */
  readonly strikes: (exchange: Exchange) => boolean;
  /** Does to the request what it does; it has to end the answer or the connection. */
  readonly strike: (exchange: Exchange) => Promise<void> | void;
}

/** Which requests a fault is about; what is not named does not matter. */
export interface Aim {
  readonly method?: string | readonly string[];
  /** Exactly this path. */
  readonly path?: string;
  /** This path and all below it. */
  readonly below?: string;
  /** Only so many requests, from the first on; all without it. */
  readonly times?: number;
  /** The first so many pass. */
  readonly after?: number;
}

/** Returns a fault that strikes what `aim` names. */
export function fault(aim: Aim, strike: Fault['strike']): Fault {
  const methods = aim.method === undefined ? null : [aim.method].flat();
  const { path, below, times = Number.POSITIVE_INFINITY, after = 0 } = aim;
  let met = 0;
  return {
    strikes: (exchange) => {
      if (methods !== null && !methods.includes(exchange.method)) return false;
      if (path !== undefined && exchange.path !== path) return false;
      const isBelow =
        below === undefined || exchange.path === below || exchange.path.startsWith(`${below}/`);
      if (!isBelow) return false;
      met += 1;
      return met > after && exchange.strikes < times;
    },
    strike,
  };
}

/** Returns a fault that answers as the server does, but changed. */
export function changed(
  aim: Aim,
  change: (answered: Answered, exchange: Exchange) => Answered,
): Fault {
  return fault(aim, async (exchange) => {
    exchange.reply(change(await exchange.forward(), exchange));
  });
}

/** Returns an answer with other headers: undefined removes one, and a length is only sent when it is named. */
export function withHeaders(
  answered: Answered,
  headers: Readonly<Record<string, string | undefined>>,
): Answered {
  const kept = { ...answered.headers };
  for (const [name, value] of Object.entries(headers))
    if (value === undefined) delete kept[name];
    else kept[name] = value;
  return { ...answered, headers: kept };
}
