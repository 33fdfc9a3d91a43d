import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DIRECTIONS } from '../../core/model/entry.ts';
import type { KillResult } from './bench.ts';
import { runKillCampaign } from './kill-campaign.ts';
import { compileShim, noCompilerReason } from './native-programs.ts';

/** A small part of what `npm run crash-test` tries. */
const POINTS = 12;
const DOUBLES = 3;

const reason = noCompilerReason();
if (reason !== null) process.stderr.write(`skipped: crash tests: ${reason}\n`);
const isRequired = process.env['FERRY_REQUIRE_SERVERS'] === '1';
const describeCompiled = reason === null || isRequired ? describe : describe.skip;

describeCompiled('a client that is killed between two system calls', () => {
  let directory: string;
  let shim: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'));
    shim = await compileShim(directory);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('loses nothing, leaves nothing behind, and the next run ends as if nothing had happened', async () => {
    const results: KillResult[] = [];
    await runKillCampaign({
      directory: join(directory, 'kills'),
      shim,
      directions: DIRECTIONS,
      command: 'sync',
      calls: [],
      points: POINTS,
      doubles: DOUBLES,
      seed: Date.now(),
      workers: 1,
      threads: 1,
      keepIn: null,
      onDirection: () => undefined,
      onResult: (result) => results.push(result),
    });
    expect(results.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(POINTS + DOUBLES);
    expect(results.every(({ reached }) => reached > 0)).toBe(true);
  }, 300_000);
});
