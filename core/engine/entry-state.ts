import { type Direction, type Entry, otherSide, type Side } from '../model/entry.ts';
import type { PairRecord } from '../records/record.ts';

/** What an entry is to a pair. */
export type EntryState =
  | 'in-sync'
  /** The next run has something to do. */
  | 'pending'
  /** One-way: on the destination only, changed there, removed there; it stays so until the master changes it. */
  | 'only-here'
  | 'changed-here'
  | 'removed-here'
  | 'conflict'
  | 'problem'
  /** Below a directory that could not be read. */
  | 'frozen'
  /** It changed while it was read. */
  | 'waiting'
  /** A guard stopped the run that would have done something about it. */
  | 'held'
  | 'ignored'
  | 'unknown';

/** What one side holds, against the record. */
export type SideLook =
  | 'as-recorded'
  | 'changed'
  /** Other version, same size: the next run looks whether the content is another one. */
  | 'touched'
  | 'new'
  | 'absent'
  /** It could not be asked. */
  | 'not-seen';

export interface Judged {
  readonly state: EntryState;
  /** One sentence, without a full stop. */
  readonly text: string;
}

/** What the pair obeys, as far as it decides about an entry. */
export interface Obeys {
  readonly direction: Direction;
  readonly deletes: 'propagate' | 'keep';
  readonly mirror: boolean;
}

/** Returns how what a side holds compares with the record. */
export function lookOf(
  entry: Entry | null | undefined,
  record: PairRecord | undefined,
  side: Side,
): SideLook {
  if (entry === undefined) return 'not-seen';
  if (entry === null) return 'absent';
  if (!record) return 'new';
  if (entry.kind !== record.kind) return 'changed';
  if (entry.kind === 'directory') return 'as-recorded';
  if (entry.version === record[side].version) return 'as-recorded';
  if (entry.kind === 'symlink') return entry.target === record.target ? 'as-recorded' : 'changed';
  if (entry.sizeBytes !== record.sizeBytes) return 'changed';
  if (entry.hash === undefined || record.hash === undefined) return 'touched';
  return entry.hash === record.hash ? 'as-recorded' : 'changed';
}

type Looks = Readonly<Record<Side, SideLook>>;

function isChange(look: SideLook): boolean {
  return look === 'changed' || look === 'touched';
}

/** Returns what an entry is to the pair, from what both sides hold. It is not ignored, and nothing else is known. */
export function judge(looks: Looks, isRecorded: boolean, obeys: Obeys): Judged {
  const unseen = (['local', 'remote'] as const).find((side) => looks[side] === 'not-seen');
  if (unseen)
    return {
      state: isRecorded ? 'pending' : 'unknown',
      text: `the ${unseen} side could not be asked${isRecorded ? '; it is recorded from an earlier run' : ''}`,
    };
  if (obeys.direction === 'two-way') return judgeTwoWay(looks, isRecorded, obeys);
  const master: Side = obeys.direction === 'local-to-remote' ? 'local' : 'remote';
  return judgeOneWay({ ...looks, master }, isRecorded, obeys);
}

const NAMES: Readonly<Record<Side, string>> = { local: 'locally', remote: 'on the remote side' };

function pending(text: string): Judged {
  return { state: 'pending', text };
}

function judgeTwoWay(looks: Looks, isRecorded: boolean, { deletes }: Obeys): Judged {
  const { local, remote } = looks;
  if (!isRecorded) return judgeUnrecorded(looks);
  if (local === 'absent' && remote === 'absent')
    return pending('it is gone on both sides; the next run forgets it');
  for (const side of ['local', 'remote'] as const) {
    const other = otherSide(side);
    if (looks[side] !== 'absent') continue;
    if (isChange(looks[other]))
      return pending(
        `gone ${NAMES[side]} and changed ${NAMES[other]}: the next run brings it back`,
      );
    return deletes === 'keep'
      ? {
          state: 'removed-here',
          text: `gone ${NAMES[side]}, and this pair keeps it ${NAMES[other]}`,
        }
      : pending(
          `gone ${NAMES[side]} (deleted or moved): the next run does the same ${NAMES[other]}`,
        );
  }
  if (isChange(local) && isChange(remote))
    return pending(
      'changed on both sides: the next run compares them, and keeps both if they differ',
    );
  for (const side of ['local', 'remote'] as const)
    if (isChange(looks[side]))
      return pending(`changed ${NAMES[side]}: the next run carries it to the other side`);
  return { state: 'in-sync', text: 'both sides are as the last run left them' };
}

function judgeUnrecorded({ local, remote }: Looks): Judged {
  if (local === 'absent' && remote === 'absent')
    return { state: 'unknown', text: 'it is on neither side, and not recorded' };
  if (local !== 'absent' && remote !== 'absent')
    return pending('on both sides, and not compared yet: the next run does');
  const side: Side = local === 'absent' ? 'remote' : 'local';
  return pending(`new ${NAMES[side]}: the next run carries it to the other side`);
}

function judgeOneWay(
  looks: Looks & { readonly master: Side },
  isRecorded: boolean,
  { deletes, mirror }: Obeys,
): Judged {
  const { master } = looks;
  const destination = otherSide(master);
  const [given, taken] = [looks[master], looks[destination]];
  const here = NAMES[destination];
  const isMaster = `the ${master} side is the master`;
  if (given === 'absent' && taken === 'absent')
    return isRecorded
      ? pending('it is gone on both sides; the next run forgets it')
      : judgeUnrecorded(looks);
  if (given === 'absent' && (!isRecorded || isChange(taken))) {
    if (mirror) return pending(`only ${here}: the next run removes it (mirror)`);
    return { state: 'only-here', text: `only ${here}; ${isMaster} and is not changed` };
  }
  if (given === 'absent')
    return deletes === 'keep'
      ? { state: 'only-here', text: `gone on the master, and this pair keeps it ${here}` }
      : pending(`gone on the master: the next run deletes it ${here}`);
  if (!isRecorded)
    return taken === 'absent'
      ? pending(`new on the master: the next run brings it`)
      : pending('on both sides, and not compared yet: the next run does');
  if (isChange(given)) return pending('changed on the master: the next run brings it');
  if (taken === 'as-recorded')
    return { state: 'in-sync', text: 'both sides are as the last run left them' };
  if (mirror) return pending(`other than on the master ${here}: the next run brings it back`);
  return taken === 'absent'
    ? { state: 'removed-here', text: `removed ${here}; it comes back when the master changes it` }
    : { state: 'changed-here', text: `changed ${here}; the master's next change of it wins` };
}
