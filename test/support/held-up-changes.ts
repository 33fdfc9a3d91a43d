import { setTimeout as delay } from 'node:timers/promises';
import type { MountedDrive } from './mounted-drive.ts';

const SIZE_BYTES = 24 * 1024 * 1024;
/** Until the last of what was held up is shown. */
const SHOWN_MS = 500;
const PATH = 'held up';

let lastSeed = 0;

/** What is about to be shown waits from now on: for a file that a program cuts, whose content is slow to come. */
export interface HeldUp {
  /** The program. */
  readonly cutting: Promise<unknown>;
  /** Lets the content come, and waits until everything is shown. */
  release(): Promise<void>;
}

/** Holds up everything that sync changes in a drive from now on, before programs see it. */
export async function holdUpChanges(drive: MountedDrive): Promise<HeldUp> {
  const arrives = (): Promise<unknown> => {
    const file = { path: PATH, seed: ++lastSeed, sizeBytes: SIZE_BYTES };
    return drive.do({ do: 'arrive-generated', files: [file] });
  };
  await arrives();
  await drive.do({ do: 'network', state: 'slow' });
  // The kernel locks the file until it has an answer, and whoever shows that it was replaced needs that lock.
  const cutting = drive.shell(`perl -e 'truncate("${PATH}", 10) or die'`);
  cutting.catch(() => undefined);
  while ((await drive.stats()).hydrating === 0) await delay(5);
  await arrives();
  return {
    cutting,
    release: async () => {
      await drive.do({ do: 'network', state: 'online' });
      await cutting;
      await delay(SHOWN_MS);
    },
  };
}

/** Does something while nothing of it is shown, and waits until it is. */
export async function whileNothingIsShown(
  drive: MountedDrive,
  work: () => Promise<void>,
): Promise<void> {
  const held = await holdUpChanges(drive);
  await work();
  await held.release();
}
