import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { DriveStage } from './drive-stage.ts';
import {
  allowedBy,
  type Content,
  contentOf,
  isOwnConflict,
  judge,
  originalOf,
  TEMPORARY,
} from './write-log.ts';
import { Writer } from './writer.ts';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** The longest time between two kills. */
  readonly longestMs: number;
  readonly note: (text: string) => void;
  /** The files of a campaign that went wrong stay. */
  readonly keeps?: boolean;
}

export interface KillResult {
  /** How long the drive was away after each kill. */
  readonly awayMs: readonly number[];
  readonly wrong: readonly string[];
  /** What the program's operations failed with. */
  readonly failures: ReadonlyMap<string, number>;
  readonly operations: number;
  /** Directories that hold what was written into the bare mount point, between two mounts. */
  readonly putAside: number;
  /** Paths that conflicted with what the drive itself had uploaded right before a kill. */
  readonly ownConflicts: number;
  /** The longest that one operation of the program took, kills included. */
  readonly longestMs: number;
}

/** More than these say nothing new. */
const MAX_WRONG = 20;

/** Inode numbers of a directory's files. */
async function inodes(directory: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const name of await readdir(directory)) {
    const seen = await stat(join(directory, name)).catch(() => null);
    if (seen !== null) found.set(name, seen.ino);
  }
  return found;
}

async function contentsIn(directory: string): Promise<Map<string, Content>> {
  const found = new Map<string, Content>();
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isFile() && !entry.name.startsWith(TEMPORARY))
      found.set(entry.name, contentOf(await readFile(join(directory, entry.name))));
  return found;
}

/** What is elsewhere than at its path, and why. */
class Excused {
  readonly directories = new Set<string>();
  /** What is in the drive at these paths is older than what the program wrote. */
  readonly paths = new Set<string>();
  /** Paths at which an upload that the kill cut off met what was written since. */
  readonly conflicts = new Set<string>();

  /** Returns what was put aside since it was asked last. */
  async news({ directory, drive }: DriveStage): Promise<readonly (readonly [string, Content])[]> {
    const stem = `${basename(drive)} (`;
    const all = (await readdir(directory)).filter((name) => name.startsWith(stem));
    const found: (readonly [string, Content])[] = [];
    for (const name of all.filter((one) => !this.directories.has(one))) {
      this.directories.add(name);
      found.push(...(await contentsIn(join(directory, name))));
    }
    return found;
  }
}

/** Says what is wrong in a directory; paths that conflict with themselves are excused from then on. */
function wrongIn(
  where: string,
  found: ReadonlyMap<string, Content>,
  log: string,
  excused: Excused,
): string[] {
  const allowed = allowedBy(log);
  for (const name of found.keys()) {
    const original = originalOf(name);
    if (original === null) continue;
    const copies = [...found].filter(([each]) => originalOf(each) === original);
    const known = allowed.get(original);
    const contents = copies.map(([, content]) => content);
    if (known !== undefined && isOwnConflict(found.get(original) ?? null, contents, known))
      for (const path of [original, ...copies.map(([copy]) => copy)]) excused.conflicts.add(path);
  }
  const paths = new Set([...allowed.keys(), ...found.keys()]);
  return [...paths].flatMap((path) => {
    if (excused.paths.has(path) || excused.conflicts.has(path)) return [];
    const known = allowed.get(path);
    const content = found.get(path) ?? null;
    const wrong = judge(path, content, known);
    if (wrong === null) return [];
    if (known === undefined || !isOwnConflict(content, [], known)) return [`${where}: ${wrong}`];
    excused.conflicts.add(path);
    return [];
  });
}

/**
 * Kills the process of a drive again and again while a program writes and syncs files in it. After each kill all that
 * the program was told to be durable must be there, under the same inode numbers; in the end on the server too.
 */
export async function runKillCampaign(options: KillOptions): Promise<KillResult> {
  const { kills, seed, longestMs, note } = options;
  const random = new Random(seed);
  const stage = await DriveStage.start({ environment: { FERRY_CRASH_LIMIT: '1000000' } });
  const log = join(stage.directory, 'writes.log');
  // Only this backend takes the dead mount's place without a moment in which the bare directory is seen.
  const isCareful = (await stage.pair()).mountBackend !== 'native' || process.getuid?.() !== 0;
  const writer = new Writer(stage.drive, log, { seed, isCareful });
  const excused = new Excused();
  const awayMs: number[] = [];
  const wrong: string[] = [];
  let isWhole = false;
  let done = { operations: 0, longestMs: 0 };
  const result = (): KillResult => {
    const { failures } = writer;
    return {
      awayMs,
      wrong,
      failures,
      ...done,
      putAside: excused.directories.size,
      ownConflicts: excused.conflicts.size,
    };
  };
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      await sleep(100 + random.below(longestMs));
      const before = await inodes(stage.drive);
      awayMs.push(await stage.kill());
      done = await writer.pause();
      const after = await inodes(stage.drive);
      for (const [path, content] of await excused.news(stage)) {
        const bad = judge(path, content, allowedBy(log).get(path));
        if (bad !== null) wrong.push(`after kill ${kill}, put aside: ${bad}`);
        excused.paths.add(path);
      }
      wrong.push(...wrongIn(`after kill ${kill}`, await writer.look(), log, excused));
      await writer.leave([...excused.paths, ...excused.conflicts]);
      wrong.push(...renumbered(before, after).map((path) => `after kill ${kill}: ${path}`));
      wrong.push(...(await stage.crashes()));
      await writer.go();
      if (wrong.length > MAX_WRONG) break;
      if (kill % 10 === 0 || kill === kills)
        note(`${kill} kills, ${done.operations} operations, ${wrong.length} wrong`);
    }
    done = await writer.pause();
    if (wrong.length > MAX_WRONG) return result();
    await writer.tidy();
    await stage.quiet();
    const shown = await writer.look();
    wrong.push(...wrongIn('in the end, in the drive', shown, log, excused));
    const served = await contentsIn(stage.served);
    wrong.push(...wrongIn('in the end, on the server', served, log, excused));
    wrong.push(...differences(shown, served));
    isWhole = true;
    return result();
  } catch (error) {
    throw await stage.explained(error);
  } finally {
    await writer.end();
    await stage.close({ keeps: options.keeps === true && !(isWhole && wrong.length === 0) });
  }
}

/** A file that keeps its name keeps its number, unless a program has put another one there meanwhile. */
function renumbered(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): string[] {
  const changed = [...before].filter(([name, ino]) => after.has(name) && after.get(name) !== ino);
  // One save may have been under way, and some between the look and the kill.
  const limit = Math.max(10, before.size / 4);
  return changed.length > limit
    ? [`${changed.length} of ${before.size} files have another inode number`]
    : [];
}

function differences(
  shown: ReadonlyMap<string, Content>,
  served: ReadonlyMap<string, Content>,
): string[] {
  return [...new Set([...shown.keys(), ...served.keys()])]
    .filter((path) => shown.get(path)?.hash !== served.get(path)?.hash)
    .map((path) => `${path}: the drive and the server differ`);
}
