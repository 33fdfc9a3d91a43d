import { BehaviorSubject, Subject } from 'rxjs';
import type { SyncPath } from '../../core/model/path.ts';
import { DRIVE_EVENT, type DriveListener, type NativeDrive } from '../../native/drive-addon.ts';
import type { NeedContent } from '../cache/drive-tree.ts';
import type { RowCarrier } from './carry-rows.ts';
import { errnoOf } from './errno.ts';

/** What a native tree tells those who use it. */
export interface Subjects {
  readonly pending: BehaviorSubject<number>;
  readonly changes: Subject<SyncPath>;
  readonly pins: Subject<number>;
  readonly ended: Subject<number>;
}

export function newSubjects(): Subjects {
  return {
    pending: new BehaviorSubject(0),
    changes: new Subject(),
    pins: new Subject(),
    ended: new Subject(),
  };
}

/** Returns what hears of the addon's events. */
export function listenerOf(
  drive: NativeDrive,
  carrier: RowCarrier,
  subjects: Subjects,
  need: NeedContent,
): DriveListener {
  return (event, id, offset, length, detail, isForWrite) => {
    if (event === DRIVE_EVENT.changed) carrier.wake();
    else if (event === DRIVE_EVENT.pinned) subjects.pins.next(id);
    else if (event === DRIVE_EVENT.ended) subjects.ended.next(detail);
    else
      need({ id, offset, length, pid: detail, isForWrite }).then(
        () => drive.settled(id, offset, length),
        (error: unknown) => drive.failed(id, offset, length, errnoOf(error)),
      );
  };
}

/** Tells of what was drained. */
export function tellOf(subjects: Subjects, paths: readonly Buffer[], dirty: number): void {
  for (const bytes of paths) {
    const path = syncPathOf(bytes);
    if (path !== null) subjects.changes.next(path);
  }
  if (dirty !== subjects.pending.value) subjects.pending.next(dirty);
}

/** Null where a name is not UTF-8: the other side could not have it. */
export function syncPathOf(bytes: Buffer): SyncPath | null {
  const text = bytes.toString();
  if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) return null;
  return text.normalize('NFC') as SyncPath;
}
