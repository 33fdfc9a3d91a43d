import { afterEach, describe, expect, test } from '@jest/globals';
import type { ErrorCode, Retry } from '../../core/model/errors.ts';
import type { Fault } from '../support/servers/wire/fault.ts';
import { type Ended, noise, type WireOptions, WireWorld } from '../support/wire-world.ts';

/** What a run with something wrong must come to. */
export interface Outcome {
  /** The whole run ended with it; null: it came to its end. */
  readonly error?: ErrorCode;
  /** The paths that could not be synced, with the reason. */
  readonly problems?: Readonly<Record<string, ErrorCode>>;
  /** Instead of paths: at least one problem, and each with one of these reasons. */
  readonly reasons?: readonly ErrorCode[];
  readonly retry?: Retry;
}

/** One thing that goes wrong, and what must come of it. */
export interface WireCase extends WireOptions {
  readonly name: string;
  readonly fault: (world: WireWorld) => Fault;
  /** What is done to the trees besides the usual edits, after the first sync. */
  readonly edit?: (world: WireWorld) => Promise<void>;
  readonly outcome: Outcome;
  /** What the edits took away, and may be missing afterwards. */
  readonly takenAway?: readonly string[];
  /** More to look at after the disturbed run. */
  readonly check?: (world: WireWorld, ended: Ended) => Promise<void> | void;
  /** Files that may be transferred once more although both sides had them: only a look could tell. */
  readonly looksAgain?: readonly string[] | 'all';
}

/** Larger than what is sent from memory and than one read of a disk. */
export const BIG_BYTES = 1_400_000;

/** For machines that are busy with something else; nothing waits for so long. */
const TIMEOUT_MS = 30_000;

/** What was edited since the trees were in step, and goes over the wire: from the server, and to it. */
export const COMING = ['docs/plan.txt', 'fresh/from-server.txt', 'big-there.bin'] as const;
export const GOING = ['docs/notes.txt', 'fresh/from-here.txt', 'big-here.bin'] as const;

let world: WireWorld | null = null;

/** Makes a world whose two trees are in step, and then edited on both sides. */
export async function editedWorld(
  options: WireOptions & Pick<WireCase, 'edit'>,
): Promise<WireWorld> {
  const made = await WireWorld.open(options);
  world = made;
  const source = options.direction === 'local-to-remote' ? 'local' : 'server';
  for (let index = 0; index < 6; index++)
    await made.write(source, `keep/file ${index} 100%.txt`, `kept ${index} ${'x'.repeat(index)}`);
  await made.write(source, 'docs/plan.txt', 'the first plan');
  await made.write(source, 'docs/notes.txt', 'the first notes');
  const first = await made.sync();
  expect(first.error).toBeNull();
  const takes = options.direction !== 'local-to-remote';
  const gives = options.direction !== 'remote-to-local';
  if (takes) {
    await made.write('server', 'docs/plan.txt', 'the second plan, longer than the first one');
    await made.write('server', 'fresh/from-server.txt', 'new on the server');
    await made.write('server', 'big-there.bin', noise(BIG_BYTES));
  }
  if (gives) {
    await made.write('local', 'docs/notes.txt', 'the second notes, longer than the first ones');
    await made.write('local', 'fresh/from-here.txt', 'new here');
    await made.write('local', 'big-here.bin', noise(BIG_BYTES));
  }
  await options.edit?.(made);
  await made.remember();
  return made;
}

function expectOutcome({ error, summary }: Ended, outcome: Outcome): void {
  const problems = Object.fromEntries(
    (summary?.problems ?? []).map(({ path, code }) => [path, code]),
  );
  if (outcome.reasons !== undefined) {
    expect(error).toBeNull();
    expect(Object.values(problems).length).toBeGreaterThan(0);
    expect(Object.values(problems).filter((code) => !outcome.reasons?.includes(code))).toEqual([]);
    return;
  }
  const said = [error, ...(summary?.problems ?? [])].map((one) => one?.message).join('\n');
  expect({ error: error?.code ?? null, said, problems }).toEqual({
    error: outcome.error ?? null,
    said,
    problems: outcome.problems ?? {},
  });
  if (outcome.retry === undefined) return;
  const retries =
    error === null ? (summary?.problems ?? []).map(({ retry }) => retry) : [error.retry];
  expect(new Set(retries)).toEqual(new Set([outcome.retry]));
}

/** Runs until both sides are at rest, twice at most, and returns what went over the wire. */
async function recover(at: WireWorld): Promise<readonly string[]> {
  const transferred = new Set<string>();
  for (let runs = 0; runs < 2; runs++) {
    at.later();
    const { error, summary } = await at.sync();
    for (const path of at.transferred) transferred.add(path);
    expect({ error, problems: summary?.problems, conflicts: summary?.conflicts }).toEqual({
      error: null,
      problems: [],
      conflicts: [],
    });
    expect([summary?.deletedLocal, summary?.deletedRemote]).toEqual([0, 0]);
  }
  return [...transferred].sort();
}

/** Runs one case: in step, edited, disturbed, mended. */
export async function runCase(one: WireCase): Promise<void> {
  const at = await editedWorld(one);
  const before = await at.both();
  const ended = await at.sync(one.fault(at));
  expectOutcome(ended, one.outcome);
  await at.expectUnharmed(before, one.takenAway);
  await one.check?.(at, ended);
  const disturbed = await at.both();
  const transferred = await recover(at);
  const mended = await at.both();
  expect(mended.local).toEqual(mended.server);
  const settled = Object.keys(mended.local).filter(
    (path) =>
      disturbed.local[path] === disturbed.server[path] &&
      one.looksAgain !== 'all' &&
      one.looksAgain?.includes(path) !== true,
  );
  expect(transferred.filter((path) => settled.includes(path))).toEqual([]);
  expect((await at.sync()).summary).toMatchObject({ complete: true, uploaded: 0, downloaded: 0 });
  expect(at.transferred).toEqual([]);
}

/** Declares a test for each case. */
export function wireSuite(title: string, cases: readonly WireCase[]): void {
  describe(title, () => {
    afterEach(async () => {
      await world?.close();
      world = null;
    }, TIMEOUT_MS);
    test.each(cases.map((one) => [one.name, one] as const))(
      '%s',
      async (_name, one) => {
        await runCase(one);
      },
      TIMEOUT_MS,
    );
  });
}
