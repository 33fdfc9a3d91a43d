const ONLY_COPY = '-only-copy';
const FOLDER = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)Z(-only-copy)?(-\d+)?$/;

/**
 * Returns the name of a run's folder: UTC, so that it sorts and no clock change makes two runs one. Contents that the
 * other side never had are in a folder of their own, so that the rename that puts one away also marks it.
 */
export function runFolderName(nowMs: number, isOnlyCopy = false): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '-');
  return `${time}Z${isOnlyCopy ? ONLY_COPY : ''}`;
}

/** Returns when the run of a folder began, in ms since 1970; NaN for a name that is none of ours. */
export function runFolderTime(name: string): number {
  const match = FOLDER.exec(name);
  return match ? Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}Z`) : Number.NaN;
}

/** Tells whether the folder holds contents that the other side never had. */
export function holdsOnlyCopies(name: string): boolean {
  return FOLDER.exec(name)?.[5] !== undefined;
}

/** Returns folders of runs in order, the latest first. */
export function inOrder(names: readonly string[]): readonly string[] {
  // Folders of one second are numbered: -2 came after the first, -10 after -2.
  const order = new Intl.Collator('en', { numeric: true });
  return names.toSorted((a, b) => runFolderTime(b) - runFolderTime(a) || order.compare(b, a));
}
