import type { Direction } from '../../core/model/entry.ts';
import type { Place, RunEnd } from './client.ts';
import { pairRecords, workHere } from './client.ts';
import { below, isConflictCopy, linesOf, type Picture, pictureOf, unlike } from './picture.ts';
import type { ClientCommand } from './points.ts';
import { readNotes } from './read-records.ts';

/** Both sides at one moment. */
export interface BothSides {
  readonly local: Picture;
  readonly remote: Picture;
}

/** What the client is to do. */
export interface ExpectedWork {
  readonly direction: Direction;
  readonly command: ClientCommand;
}

/** What has to come out, whatever happened on the way there. */
export interface Expectation extends ExpectedWork {
  /** Before the run. */
  readonly start: BothSides;
  /** After a run that nothing disturbed. */
  readonly end: BothSides;
  /** How many conflicts that run has noted for the user. */
  readonly conflicts: number;
}

const SIDES = ['local', 'remote'] as const;
const GOOD_ENDS: readonly (number | null)[] = [0, 11];
/** What only exists in the client's home while something is written, or after the records were found damaged. */
const HOME_RESIDUE = /\.(new|next|tmp|damaged)$/;

/** Returns pictures of both sides. */
export async function bothSides({ local, remote }: Place): Promise<BothSides> {
  return { local: await pictureOf(local), remote: await pictureOf(remote) };
}

function contentsOf({ local, remote }: BothSides): ReadonlySet<string> {
  return new Set([...local.entries.values(), ...remote.entries.values()]);
}

function keptIn({ local, remote }: BothSides): ReadonlySet<string> {
  return new Set([...local.kept, ...remote.kept]);
}

/**
 * Lets the client recover from whatever happened, and returns what is wrong then: a lost or half content, sides that
 * are not as they should be, something left over, a second run that still finds something to do. Empty when all is well.
 */
export function recoverAndCheck(
  place: Place,
  expectation: Expectation,
): Promise<readonly string[]> {
  return orWhatFailed(recover(place, expectation));
}

/** What cannot even be checked is wrong, too, and no reason to try nothing more. */
export async function orWhatFailed(checks: Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await checks;
  } catch (error) {
    return [`the check itself failed: ${error instanceof Error ? error.stack : String(error)}`];
  }
}

async function recover(place: Place, expectation: Expectation): Promise<readonly string[]> {
  // A reset that has begun is gone on with by every run.
  const { isResetting } = await readNotes(pairRecords(place));
  const recovered = await workHere(place, isResetting ? 'sync' : expectation.command);
  const wrong = [...endOf('the recovering run', recovered)];
  const now = await bothSides(place);
  wrong.push(...lossesOf(now, expectation));
  for (const side of SIDES) {
    const differences = unlike(linesOf(now[side]), linesOf(expectation.end[side]));
    wrong.push(...differences.map((line) => `${side} is not as after an undisturbed run: ${line}`));
    wrong.push(...now[side].residue.map((left) => `${side}: ${left} is left over`));
  }
  wrong.push(...(await checkHome(place, expectation)));
  wrong.push(...(await checkSecondRun(place, now)));
  return wrong;
}

function endOf(run: string, { code, stdout, stderr }: RunEnd): readonly string[] {
  if (GOOD_ENDS.includes(code)) return [];
  const problems = stdout.split('\n').findLast((line) => line.includes('"problems"')) ?? '';
  return [`${run} ended with ${code}: ${stderr}${problems}`];
}

function lossesOf(now: BothSides, { start, end }: Expectation): readonly string[] {
  const visible = contentsOf(now);
  const wanted = contentsOf(end);
  const wrong = [...visible]
    .filter((content) => content.startsWith("nobody's"))
    .map((content) => `half a file, or two mixed: ${content}`);
  const keptAtLast = keptIn(end);
  const keptNow = keptIn(now);
  for (const content of contentsOf(start)) {
    if (visible.has(content)) continue;
    if (wanted.has(content)) wrong.push(`lost: ${content}`);
    else if (keptAtLast.has(content) && !keptNow.has(content))
      wrong.push(`neither visible nor in a version store: ${content}`);
  }
  return wrong;
}

async function checkHome(place: Place, { conflicts }: Expectation): Promise<readonly string[]> {
  const left = (await below(place.home)).filter((path) => HOME_RESIDUE.test(path));
  const notes = await readNotes(pairRecords(place));
  const noted = notes.conflicts;
  return [
    ...left.map((path) => `FERRY_HOME: ${path} is left over`),
    ...notes.parked.map((path) => `still parked: ${path}`),
    ...(noted.length === conflicts
      ? []
      : [`${noted.length} conflicts are noted instead of ${conflicts}: ${noted.join(', ')}`]),
  ];
}

async function checkSecondRun(place: Place, before: BothSides): Promise<readonly string[]> {
  const second = await workHere(place, 'sync');
  const after = await bothSides(place);
  const wrong = [...endOf('the second run', second)];
  for (const side of SIDES)
    for (const path of new Set([...before[side].stats.keys(), ...after[side].stats.keys()]))
      if (before[side].stats.get(path) !== after[side].stats.get(path))
        wrong.push(`the second run wrote ${path} on the ${side} side`);
  return wrong;
}

/** Returns what is to be expected, from the start and from a run that nothing disturbed. */
export async function expectationAfter(
  place: Place,
  work: ExpectedWork,
  start: BothSides,
): Promise<Expectation> {
  const end = await bothSides(place);
  const { conflicts } = await readNotes(pairRecords(place));
  const copies = [...end.local.entries.keys(), ...end.remote.entries.keys()].filter(isConflictCopy);
  if (copies.length === 0) throw new Error('the work has no conflict in it');
  return { ...work, start, end, conflicts: conflicts.length };
}
