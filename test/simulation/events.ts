import type { Direction, Side } from '../../core/model/entry.ts';
import type { ErrorCode } from '../../core/model/errors.ts';

/** What a user does on one side; paths that do not fit what is there any more make it nothing. */
export type UserEvent =
  /** Writes a file in place; missing directories are made. */
  | { readonly do: 'write'; readonly side: Side; readonly path: string; readonly text: string }
  | { readonly do: 'append'; readonly side: Side; readonly path: string; readonly text: string }
  /** Writes a temporary file and renames it over the name, as editors do: another inode. */
  | { readonly do: 'save'; readonly side: Side; readonly path: string; readonly text: string }
  /** Writes what the other side has at the path, as if the same edit was made twice. */
  | { readonly do: 'same'; readonly side: Side; readonly path: string }
  | { readonly do: 'move'; readonly side: Side; readonly path: string; readonly to: string }
  /** Exchanges two names. */
  | { readonly do: 'swap'; readonly side: Side; readonly path: string; readonly to: string }
  /** Removes what is there, a directory with all that it holds. */
  | { readonly do: 'remove'; readonly side: Side; readonly path: string }
  | { readonly do: 'mkdir'; readonly side: Side; readonly path: string }
  /** Makes a file a directory with a file in it, and a directory a file. */
  | { readonly do: 'kind'; readonly side: Side; readonly path: string; readonly text: string }
  /** Makes a link to `a`, where nothing is. */
  | { readonly do: 'link'; readonly side: Side; readonly path: string }
  /** Gives a file another time and nothing else. */
  | { readonly do: 'touch'; readonly side: Side; readonly path: string };

/** What goes wrong at a call. A fault that does not fit the call there is none. */
export type FaultEvent =
  /** The call fails and has done nothing. */
  | { readonly do: 'fail'; readonly code: ErrorCode }
  /** A request is carried out, but its answer is lost. */
  | { readonly do: 'lose-answer' }
  /** The client gives up on a request; the server carries it out so many calls later. */
  | { readonly do: 'late'; readonly by: number }
  /** So many requests in a row fail. */
  | { readonly do: 'offline'; readonly calls: number }
  /** The process is killed: what the system has is kept. Before the call, or after it and before its answer. */
  | { readonly do: 'kill'; readonly after: boolean }
  /** The machine loses its power: what was not made durable may be lost, by `loss` which of it. */
  | { readonly do: 'power'; readonly after: boolean; readonly loss: number }
  | { readonly do: 'cancel' };

/** What happens to a pair and its sides between runs. */
export type WorldEvent =
  | { readonly do: 'direction'; readonly direction: Direction }
  | { readonly do: 'restart' }
  /** The power goes between two runs. */
  | { readonly do: 'outage'; readonly loss: number }
  /** Remembers the server's tree, for `restore`. */
  | { readonly do: 'snapshot' }
  /** The server goes back to the last snapshot. */
  | { readonly do: 'restore' }
  /** The store of the records loses its last batches although they were durable. */
  | { readonly do: 'lose-suffix'; readonly batches: number }
  | { readonly do: 'lose-store' }
  | { readonly do: 'damage-row'; readonly row: number }
  /** The server shows nothing during the next run, as with another disk mounted there. */
  | { readonly do: 'wipe' };

/** A run. `picks`: which of the calls that are ready goes next, each time there is more than one; the first where none is given. */
export type RunEvent =
  | { readonly do: 'sync'; readonly picks?: Picks }
  | { readonly do: 'reset'; readonly picks?: Picks };

/** The picks themselves, or the seed that they are drawn from. */
export type Picks = number | readonly number[];

/** Happens in the run that follows, right before its call number `at`. */
export type TimedEvent = (UserEvent | FaultEvent) & { readonly at: number };

/** One event of a schedule. Every sub-list of a schedule is a schedule. */
export type ScheduleEvent = UserEvent | WorldEvent | RunEvent | TimedEvent;

const USER: ReadonlySet<string> = new Set([
  'write',
  'append',
  'save',
  'same',
  'move',
  'swap',
  'remove',
  'mkdir',
  'kind',
  'touch',
  'link',
]);

export function isTimed(event: ScheduleEvent): event is TimedEvent {
  return 'at' in event;
}

export function isUserEvent(event: ScheduleEvent | FaultEvent): event is UserEvent {
  return USER.has(event.do);
}
