import type { Command, Daemons } from '../processes.ts';

/** What is asked of a run; `up` is towards the server. */
export type Way = 'up' | 'down' | 'both';

/** What a peer can take part in. */
export type Ability = 'tree' | 'both' | 'big' | 'delta' | 'rename' | 'watch' | 'far';

/** Two folders and what is needed to run a program between them. */
export interface Place {
  readonly local: string;
  readonly remote: string;
  /** For what the program keeps. */
  readonly state: string;
  readonly port: number;
  /** Where the client connects; another one than `port` when a proxy is in between. */
  readonly clientPort: number;
  readonly watches: boolean;
  readonly servers: Daemons;
  readonly clients: Daemons;
}

/** A prepared pair. */
export interface Prepared {
  /** One run that ends when both sides are equal, as far as the program knows. */
  once(way: Way): Command | (() => Promise<void>);
  /** Begins to carry over changes as they happen. */
  watch?(): Promise<void>;
}

/** A program that is compared. */
export interface Peer {
  readonly name: string;
  /** Programs that must be installed. */
  readonly needs: readonly string[];
  readonly abilities: readonly Ability[];
  /** Starts the server side on `place.port`; not timed. */
  prepare(place: Place): Promise<Prepared>;
}
