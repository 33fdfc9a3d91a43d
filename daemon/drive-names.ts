import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import type { CacheBounds, Config } from './config.ts';
import { type Home, pairDirectory } from './home.ts';
import type { RemoteAddress } from './remote-address.ts';

/** What a drive's directory of state belongs to; it outlives the mount, as what is not uploaded yet is in it. */
export interface DriveNote {
  readonly mountPoint: string;
  /** The address, not the name that a remote has: that can be given to another one. */
  readonly remote: string;
  /** Files that waited for their upload when it was last closed. */
  readonly pendingUploads: number;
  /** What was said of its room, for the next time that it is mounted. */
  readonly bounds?: CacheBounds;
}

export interface DriveName {
  readonly name: string;
  /** Other remotes that were shown at the mount point and still have files to get. */
  readonly waiting: readonly DriveNote[];
}

const MAX_STEM = 60;

/** Returns a remote's URL or absolute path. */
export function addressText(address: RemoteAddress): string {
  return address.kind === 'webdav' ? address.url : address.absolutePath;
}

function noteFile(home: Home, name: string): string {
  return join(pairDirectory(home, name), 'drive-of.json');
}

/** Notes what the state of the drive `name` belongs to. */
export function noteDrive(home: Home, name: string, note: DriveNote): Promise<void> {
  return writeFileAtomically(noteFile(home, name), `${JSON.stringify(note)}\n`, 0o600);
}

/** Returns what the state kept under `name` belongs to; null where no drive has any there. */
export function readDriveNote(home: Home, name: string): DriveNote | null {
  try {
    return JSON.parse(readFileSync(noteFile(home, name), 'utf8')) as DriveNote;
  } catch {
    return null;
  }
}

/** Returns the drives that were taken away while files of theirs waited for their upload. */
export function waitingDrives(config: Config, home: Home): readonly DriveNote[] {
  const directory = dirname(pairDirectory(home, 'any'));
  const names = existsSync(directory) ? readdirSync(directory).sort() : [];
  return names.flatMap((name) => {
    const note = config.drives.has(name) ? null : readDriveNote(home, name);
    return note !== null && note.pendingUploads > 0 ? [note] : [];
  });
}

/**
 * Returns the name for a drive, made from the last folder of its mount point: the one that it had before, so that it
 * goes on with its state, and never one under which something else is kept.
 */
export function driveNameFor(
  wanted: Pick<DriveNote, 'mountPoint' | 'remote'>,
  config: Config,
  home: Home,
): DriveName {
  const last = wanted.mountPoint.split(/[\\/]/).findLast((part) => part !== '') ?? 'drive';
  const stem = last.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'drive';
  const waiting: DriveNote[] = [];
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? stem.slice(0, MAX_STEM) : `${stem.slice(0, MAX_STEM)}-${n}`;
    const note = readDriveNote(home, name);
    const isSamePlace = note?.mountPoint === wanted.mountPoint;
    if (isSamePlace && note.remote === wanted.remote && !config.pairs.has(name))
      return { name, waiting };
    if (isSamePlace && note.pendingUploads > 0) waiting.push(note);
    const isTaken = config.pairs.has(name) || config.drives.has(name);
    if (!isTaken && !existsSync(pairDirectory(home, name))) return { name, waiting };
  }
}
