import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { differences, listTree, makeTree, type TreeListing } from '../support/file-trees.ts';
import { runFerry, startFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The long form is `FERRY_KILLS=50 FERRY_KILL_FILES=2000`. */
const KILLS = Number(process.env['FERRY_KILLS'] ?? 2);
const FILES = Number(process.env['FERRY_KILL_FILES'] ?? 250);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  folder = await temporaryDirectory('ferry-kill');
});
afterAll(() => folder.close(), 120_000);

/** Names that only exist while something is under way, at any depth. */
async function residue(directory: string): Promise<readonly string[]> {
  const found = (await readdir(directory, { recursive: true })).map(String);
  return found.filter((path) => path.includes('.ferry-tmp-') || /\.ferry\/stage\/./.test(path));
}

interface Trial {
  readonly home: string;
  readonly local: string;
  readonly remote: string;
  readonly args: readonly string[];
  readonly expected: TreeListing;
}

async function killedRun(trial: Trial, afterMs: number): Promise<void> {
  const run = startFerry(trial.home, ['sync', ...trial.args, '-q']);
  const end = run.result;
  await Promise.race([sleep(afterMs), end]);
  run.child.kill('SIGKILL');
  await end;
}

async function expectConverged(trial: Trial): Promise<void> {
  const again = await runFerry(trial.home, ['sync', ...trial.args, '-q']);
  expect([again.code, again.stderr]).toEqual([0, '']);
  for (const side of [trial.local, trial.remote]) {
    expect(differences(await listTree(side, { times: 'ms' }), trial.expected)).toEqual([]);
    expect(await residue(side)).toEqual([]);
  }
}

describe('a run that is killed at a random moment', () => {
  it.each<Direction>(['two-way', 'remote-to-local', 'local-to-remote'])(
    `is finished by the next one, nothing lost and nothing left over, %s (${KILLS} kills, ${FILES} files)`,
    async (direction) => {
      let longestMs = 600;
      for (let kill = 0; kill <= KILLS; kill++) {
        const base = join(folder.path, `${direction}-${kill}`);
        const local = join(base, 'local');
        await mkdir(local, { recursive: true });
        const server = await companion().start();
        try {
          const master = direction === 'remote-to-local' ? server.directory : local;
          await makeTree(master, FILES);
          const expected = await listTree(master, { times: 'ms' });
          const args = [local, server.url, '--direction', direction];
          const trial = {
            home: join(base, 'home'),
            local,
            remote: server.directory,
            args,
            expected,
          };
          const startedAt = Date.now();
          // The first trial is not killed: it tells how long a run takes here.
          await killedRun(trial, kill === 0 ? 120_000 : Math.random() * longestMs);
          if (kill === 0) longestMs = Date.now() - startedAt;
          await expectConverged(trial);
        } finally {
          await server.close();
        }
      }
    },
    KILLS > 10 ? 3_600_000 : 180_000,
  );
});
