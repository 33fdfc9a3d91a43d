import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { forEachLimited } from '../../core/transfer/pool.ts';
import type { TreeListing } from '../support/file-trees.ts';
import { MassDeleteStage } from '../support/mass-delete-stage.ts';
import type { FerryResult } from '../support/run-ferry.ts';

const run = promisify(execFile);
const IS_ROOT = process.getuid?.() === 0;
/** Asks twice, and looks whether the run after the last one is quiet. */
const IS_LONG = process.env['FERRY_LONG'] === '1';
const AT_ONCE = 4;

interface Accident {
  readonly name: string;
  /** Before the pair is synced for the last time. */
  readonly before?: (stage: MassDeleteStage) => Promise<void>;
  readonly happens: (stage: MassDeleteStage) => Promise<void>;
  /** What `ferry sync` says while it lasts; 0: nothing has to be asked. */
  readonly code: 0 | 12;
  readonly says?: RegExp;
  /** What the user then does. */
  readonly answer: (stage: MassDeleteStage) => Promise<unknown>;
  /** `nothing is lost`: every file of the last good state is on both sides; a number: so many files are left. */
  readonly end: 'nothing is lost' | number;
  /** Undoes what outlives the stage's folder. */
  readonly after?: (stage: MassDeleteStage) => Promise<unknown>;
}

async function moveAway(path: string): Promise<void> {
  await fs.rename(path, `${path}-away`);
}

async function moveBack(path: string): Promise<void> {
  await fs.rm(path, { recursive: true, force: true });
  await fs.rename(`${path}-away`, path);
}

async function removeFiles(directory: string, count: number): Promise<void> {
  for (let index = 0; index < Math.min(count, 50); index++)
    await fs.rm(join(directory, `f${index}`));
  for (let index = 50; index < count; index++) {
    const place = index < 75 ? 'photos/in' : 'papers/in';
    await fs.rm(join(directory, place, `g${(index - 50) % 25}`));
  }
}

const allowDeletes = (stage: MassDeleteStage) => stage.sync('--allow-deletes');
const reset = (stage: MassDeleteStage) => stage.ferry('reset', 'pair', '--yes');

/** A disk at the local folder, as root a mounted one. */
async function mountDisk({ local }: MassDeleteStage): Promise<void> {
  if (!IS_ROOT) return;
  await moveAway(local);
  await fs.mkdir(local);
  await run('mount', ['--bind', `${local}-away`, local]);
}

async function unmountDisk({ local }: MassDeleteStage): Promise<void> {
  if (IS_ROOT) await run('umount', [local]);
  else {
    await moveAway(local);
    await fs.mkdir(local);
  }
}

async function remountDisk({ local }: MassDeleteStage): Promise<void> {
  if (IS_ROOT) await run('mount', ['--bind', `${local}-away`, local]);
  else await moveBack(local);
}

/** Lists only every second file, in listings that are complete in themselves. */
function everySecond(listing: string): string {
  let seen = 0;
  return listing.replaceAll(/<([a-z]+:)?response>.*?<\/\1response>/gis, (response) => {
    const isFile = !/<([a-z]+:)?collection\s*\/?>/i.test(response);
    return isFile && ++seen % 2 === 0 ? '' : response;
  });
}

const ACCIDENTS: readonly Accident[] = [
  {
    name: 'the local disk is not mounted, its mount point is empty',
    before: mountDisk,
    happens: unmountDisk,
    code: 12,
    says: /marker|right disk/,
    answer: remountDisk,
    end: 'nothing is lost',
    after: async ({ local }) => IS_ROOT && (await run('umount', [local]).catch(() => undefined)),
  },
  {
    name: 'the local folder is missing',
    happens: ({ local }) => moveAway(local),
    code: 12,
    says: /missing/,
    answer: ({ local }) => moveBack(local),
    end: 'nothing is lost',
  },
  {
    name: 'the local folder is an earlier snapshot of itself',
    before: async (stage) => {
      await removeFiles(stage.local, 5);
      await stage.backUp(stage.local, `${stage.local}-snapshot`);
      for (let index = 0; index < 5; index++) await stage.write('local', `f${index}`, index);
    },
    happens: async ({ local }) => {
      await moveAway(local);
      await fs.rename(`${local}-snapshot`, local);
    },
    code: 12,
    says: /not the one that was synced before/,
    answer: reset,
    end: 'nothing is lost',
  },
  {
    name: 'the server was wiped and set up anew',
    happens: async (stage) => {
      await stage.stopServer();
      await fs.rm(stage.remote, { recursive: true });
      await fs.mkdir(stage.remote);
      await stage.startServer();
    },
    code: 12,
    says: /not the one that was synced before|empty/,
    answer: reset,
    end: 'nothing is lost',
  },
  {
    name: 'the server was restored from an older backup',
    before: async (stage) => {
      await stage.backUp(stage.remote, `${stage.remote}-backup`);
      for (let index = 0; index < 5; index++) await stage.write('local', `new${index}`, 0, 500);
      for (let index = 0; index < 5; index++) await stage.write('local', `f${index}`, 99, 500);
    },
    happens: async (stage) => {
      await stage.stopServer();
      await moveAway(stage.remote);
      await fs.rename(`${stage.remote}-backup`, stage.remote);
      await stage.startServer();
    },
    code: 12,
    says: /backup/,
    answer: reset,
    end: 'nothing is lost',
  },
  {
    name: 'every answer is a sign-in page',
    happens: async ({ proxy }) => {
      proxy.tamper = () => '<html><body><form>Please sign in</form></body></html>';
    },
    code: 12,
    answer: async ({ proxy }) => {
      proxy.tamper = null;
    },
    end: 'nothing is lost',
  },
  {
    name: 'a listing breaks off in its middle',
    happens: async ({ proxy }) => {
      proxy.tamper = (listing) => listing.slice(0, listing.length / 2);
    },
    code: 12,
    answer: async ({ proxy }) => {
      proxy.tamper = null;
    },
    end: 'nothing is lost',
  },
  {
    name: 'the server lists every second file only',
    happens: async ({ proxy }) => {
      proxy.tamper = everySecond;
    },
    code: 12,
    says: /would be deleted/,
    answer: async ({ proxy }) => {
      proxy.tamper = null;
    },
    end: 'nothing is lost',
  },
  {
    name: 'a directory on the server is empty while its storage is away',
    happens: async ({ remote }) => {
      await fs.rename(join(remote, 'photos/in'), `${remote}-storage`);
      await fs.mkdir(join(remote, 'photos/in'));
    },
    code: 12,
    says: /photos\/in is empty/,
    answer: async ({ remote }) => {
      await fs.rm(join(remote, 'photos/in'), { recursive: true });
      await fs.rename(`${remote}-storage`, join(remote, 'photos/in'));
    },
    end: 'nothing is lost',
  },
  {
    name: '44 % are deleted on the server',
    happens: ({ remote }) => removeFiles(remote, 44),
    code: 12,
    says: /44 of \d+ entries would be deleted/,
    answer: allowDeletes,
    end: 56,
  },
  {
    name: '88 % are deleted here',
    happens: ({ local }) => removeFiles(local, 88),
    code: 12,
    says: /88 of \d+ entries would be deleted/,
    answer: allowDeletes,
    end: 12,
  },
  {
    name: 'the records are lost',
    happens: (stage) => fs.rm(stage.pairDirectory, { recursive: true }),
    code: 0,
    answer: async () => undefined,
    end: 'nothing is lost',
  },
  {
    name: 'old records are copied back',
    before: async (stage) => {
      await stage.backUp(stage.pairDirectory, `${stage.pairDirectory}-old`);
      for (let index = 0; index < 30; index++) await stage.write('local', `new${index}`, 0);
      for (let index = 0; index < 10; index++) await stage.write('remote', `f${index}`, 99, 500);
    },
    happens: async ({ pairDirectory }) => {
      await fs.rm(pairDirectory, { recursive: true });
      await fs.rename(`${pairDirectory}-old`, pairDirectory);
    },
    code: 0,
    answer: async () => undefined,
    end: 'nothing is lost',
  },
];

interface Outcome {
  readonly code: number | null;
  readonly said: string;
  readonly questions: number;
  readonly wrongDeletes: readonly string[];
  readonly left: readonly [number, number];
  readonly differing: number;
  /** What the run after the last one did; null: there was none. */
  readonly later: number | null;
}

function contentsOf(tree: TreeListing): Set<string> {
  return new Set(Object.values(tree).filter((line) => line !== ''));
}

function filesIn(tree: TreeListing): number {
  return Object.keys(tree).filter((path) => !path.endsWith('/')).length;
}

/** What is in the trees is the only thing that counts: by content, wherever it is. */
function missing(wanted: TreeListing, ...trees: readonly TreeListing[]): readonly string[] {
  return Object.entries(wanted)
    .filter(([, line]) => line !== '' && !trees.every((tree) => contentsOf(tree).has(line)))
    .map(([path]) => path);
}

async function play(accident: Accident): Promise<Outcome> {
  const stage = await MassDeleteStage.open();
  try {
    if (accident.before) {
      await accident.before(stage);
      await stage.synced();
    }
    const good = await stage.tree('local');
    await accident.happens(stage);
    const after = [await treeOrNothing(stage, 'local'), await stage.tree('remote')] as const;
    const result = await stage.sync();
    const questions = IS_LONG ? await questionsIn(stage, result) : Number(result.code === 12);
    const wrong = [
      ...missing(after[0], await treeOrNothing(stage, 'local')),
      ...missing(after[1], await stage.tree('remote')),
    ];
    await accident.answer(stage);
    await stage.synced();
    const later = IS_LONG ? await stage.synced() : null;
    const last = [await stage.tree('local'), await stage.tree('remote')] as const;
    if (accident.end === 'nothing is lost') wrong.push(...missing(good, ...last));
    return {
      code: result.code,
      said: result.stderr,
      questions,
      wrongDeletes: wrong,
      left: [filesIn(last[0]), filesIn(last[1])],
      differing: missing(last[0], last[1]).length + missing(last[1], last[0]).length,
      later: later && later.uploaded + later.downloaded + later.deletedLocal + later.deletedRemote,
    };
  } finally {
    await accident.after?.(stage);
    await stage.close();
  }
}

/** Returns how many different questions are asked when the accident goes on. */
async function questionsIn(stage: MassDeleteStage, first: FerryResult): Promise<number> {
  const again = await stage.sync();
  return first.code === 12 ? new Set([first.stderr, again.stderr]).size : 0;
}

async function treeOrNothing(
  stage: MassDeleteStage,
  side: 'local' | 'remote',
): Promise<TreeListing> {
  return stage.tree(side).catch(() => ({}));
}

const outcomes = new Map<string, Outcome | Error>();

beforeAll(async () => {
  await forEachLimited(ACCIDENTS, AT_ONCE, async (accident) => {
    outcomes.set(accident.name, await play(accident).catch((error) => error as Error));
  });
}, 300_000);

afterAll(() => {
  const lines = ACCIDENTS.map(({ name }) => {
    const found = outcomes.get(name);
    if (!found || found instanceof Error) return `${name.padEnd(62)} ${found?.message ?? '-'}`;
    const { code, questions, wrongDeletes, left } = found;
    return `${name.padEnd(62)} ${`${code}`.padEnd(4)} ${`${questions}`.padEnd(9)} ${`${wrongDeletes.length}`.padEnd(13)} ${left.join(' | ')}`;
  });
  const head = `${'situation'.padEnd(62)} exit questions wrong deletes files left`;
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
});

describe('when', () => {
  it.each(ACCIDENTS.map((accident) => [accident.name, accident] as const))(
    '%s, nothing is deleted that was not meant to be',
    (name, accident) => {
      const found = outcomes.get(name);
      if (!found || found instanceof Error) throw found ?? new Error('not played');
      expect(found.wrongDeletes).toEqual([]);
      expect([found.code, found.said]).toEqual([
        accident.code,
        expect.stringMatching(accident.says ?? /^/),
      ]);
      expect(found.questions).toBeLessThanOrEqual(1);
      expect(found.differing).toBe(0);
      expect(found.later ?? 0).toBe(0);
      if (typeof accident.end === 'number')
        expect(found.left).toEqual([accident.end, accident.end]);
    },
  );
});
