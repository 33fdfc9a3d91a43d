import type { Direction, Side } from '../../core/model/entry.ts';

/** What a user does on one side. Directories above a path are made where they are missing. */
export type UserEdit =
  | readonly ['write', path: string, content: string]
  | readonly ['remove', path: string]
  | readonly ['move', from: string, to: string]
  | readonly ['swap', one: string, other: string]
  | readonly ['make', directory: string]
  | readonly ['link', path: string, target: string]
  /** The same content, another time. */
  | readonly ['touch', path: string];

/**
 * One step. `crash`: a run whose calls fail from the given one on, as when the network goes, and that is not gone on
 * with by the same process.
 */
export type Step =
  | { readonly local: readonly UserEdit[] }
  | { readonly remote: readonly UserEdit[] }
  | { readonly crash: number }
  | 'sync'
  | 'restart';

/** A tree as it is written down: path to content; `/` is a directory, `-> x` a link; parents are left out. */
export type Drawn = Readonly<Record<string, string>>;

/** A story of two sides, as plain data. It begins with `base` on both; a `sync` is added at its end. */
export interface StepScenario {
  /** What the story is, as the end of "a run with …". */
  readonly name: string;
  readonly base?: Drawn;
  readonly steps: readonly Step[];
  /** What both sides hold in the end, by direction; in names of conflict copies the time and the device are left out. */
  readonly ends?: Readonly<Partial<Record<Direction, Drawn>>>;
  /** The story is about links, and means nothing where one side has none. */
  readonly needsLinks?: boolean;
  /** Where the story means something; all three unless said otherwise. */
  readonly directions?: readonly Direction[];
}

/** One side of a running scenario. */
export interface ScenarioSide {
  apply(edit: UserEdit): Promise<void>;
  /** The whole tree with directories, names in NFC. */
  snapshot(): Promise<Drawn>;
}

/** What one run did. */
export interface ScenarioRun {
  /** Calls that change something, such as `move remote a`. */
  readonly changes: readonly string[];
  readonly complete: boolean;
  /** What the other side cannot hold, by path: left out of every comparison. */
  readonly unholdable: readonly string[];
  /** All other problems, in words. */
  readonly problems: readonly string[];
}

/** Two sides and an engine between them. */
export interface ScenarioPair {
  readonly sides: Readonly<Record<Side, ScenarioSide>>;
  sync(): Promise<ScenarioRun>;
  /** A run whose calls fail from number `after` on. */
  crash(after: number): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export type OpenScenarioPair = (direction: Direction) => Promise<ScenarioPair>;
