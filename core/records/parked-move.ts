import type { Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';

/** A mover that was put aside and must not stay there when the run is interrupted. */
export interface ParkedMove {
  readonly side: Side;
  readonly parked: SyncPath;
  readonly from: SyncPath;
  readonly to: SyncPath;
}
