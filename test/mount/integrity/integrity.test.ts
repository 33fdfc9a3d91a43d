import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { noCompilerReason } from '../../crash/native-programs.ts';
import { reasonWithoutMount } from '../../support/mounted-drive.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { BACKENDS, openPlace } from './checked-drive.ts';
import { compileChecker } from './compile-checker.ts';
import { checkPlace } from './model-campaign.ts';
import { optionsFrom } from './options.ts';

const OPERATIONS = '3000';
const SEEDS = [1, 2];
const TEST_TIMEOUT_MS = 120_000;

const withoutCompiler = noCompilerReason();
if (withoutCompiler !== null) process.stderr.write(`skipped: integrity: ${withoutCompiler}\n`);
const withoutMount = await reasonWithoutMount();

/** The bare disk shows that it is the drive that is wrong, and not the checker. */
const here = BACKENDS.filter((backend) => backend === 'disk' || withoutMount === null);

(withoutCompiler === null ? describe : describe.skip)('random operations', () => {
  let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
  let program: string;
  beforeAll(async () => {
    scratch = await temporaryDirectory('ferry-checker');
    program = await compileChecker(scratch.path);
  });
  afterAll(() => scratch.close());

  test.each(here.filter((backend) => backend !== 'native'))(
    'on %s leave what a model says, while files are replaced, uploaded and given up',
    async (backend) => {
      const options = optionsFrom(['--backend', backend, '--ops', OPERATIONS, '--no-restarts']);
      if (options === null) throw new Error('no options');
      const place = await openPlace(backend);
      try {
        const { results } = await checkPlace(place, SEEDS, { ...options, program });
        expect(results.map(({ complaint }) => complaint)).toEqual(['', '']);
        for (const { summary } of results) expect(summary?.operations).toBe(options.operations);
      } finally {
        await place.close();
      }
    },
    TEST_TIMEOUT_MS,
  );
});
