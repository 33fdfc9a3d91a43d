import type { Socket } from 'node:net';
import { DavError } from '../dav-error.ts';
import type { Grant } from './access-list.ts';

/** How much of the server one user may take up. */
export interface UserLimits {
  readonly requests: number;
  readonly connections: number;
}

/** Enough for fifty devices at work; half of all connections, so that nobody can take them all. */
export const USER_LIMITS: UserLimits = { requests: 512, connections: 512 };

/** One request under way. */
interface Active {
  readonly grant: Grant;
  readonly socket: Socket;
}

/** The requests under way, by user: limits how many there are, and ends those whose sign-in was taken back. */
export class ActiveRequests {
  readonly #limits: UserLimits;
  readonly #active = new Set<Active>();
  readonly #counts = new Map<string, number>();
  readonly #sockets = new Map<string, Set<Socket>>();

  constructor(limits: UserLimits) {
    this.#limits = limits;
  }

  /** Counts a request in, and returns the function that counts it out. @throws DavError 503 over a limit */
  enter(grant: Grant, socket: Socket): () => void {
    const { user } = grant;
    const count = this.#counts.get(user) ?? 0;
    if (count >= this.#limits.requests) throw tooBusy('requests');
    this.#join(user, socket);
    this.#counts.set(user, count + 1);
    const active = { grant, socket };
    this.#active.add(active);
    return () => {
      if (!this.#active.delete(active)) return;
      const left = (this.#counts.get(user) ?? 1) - 1;
      if (left === 0) this.#counts.delete(user);
      else this.#counts.set(user, left);
    };
  }

  /** Cuts the connections of requests whose grant is not current any more, and returns how many those were. */
  cut(isCurrent: (grant: Grant) => boolean): number {
    const ended = [...this.#active].filter(({ grant }) => !isCurrent(grant));
    for (const { socket } of ended) socket.destroy();
    return ended.length;
  }

  #join(user: string, socket: Socket): void {
    const sockets = this.#sockets.get(user) ?? new Set();
    if (sockets.has(socket)) return;
    if (sockets.size >= this.#limits.connections) throw tooBusy('connections');
    this.#sockets.set(user, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.#sockets.get(user) === sockets) this.#sockets.delete(user);
    });
  }
}

function tooBusy(what: string): DavError {
  return new DavError(503, `this account has too many ${what} at once; try again in a moment`, {
    headers: { 'retry-after': '1', connection: 'close' },
  });
}
