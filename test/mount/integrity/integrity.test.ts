import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { noCompilerReason } from '../../crash/native-programs.ts';
import { mountableKinds } from '../../support/mounted-drive.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { type CheckedBackend, openPlace } from './checked-drive.ts';
import { compileChecker } from './compile-checker.ts';
import { checkPlace } from './model-campaign.ts';
import { optionsFrom } from './options.ts';

const SEEDS = [1, 2];
/** A call is answered by JavaScript on fuse-native, and takes ten times as long. */
const OPERATIONS = { disk: '3000', native: '3000', 'fuse-native': '1000' };
const TEST_TIMEOUT_MS = 120_000;

const withoutCompiler = noCompilerReason();
if (withoutCompiler !== null) process.stderr.write(`skipped: integrity: ${withoutCompiler}\n`);

/** The bare disk shows that it is the drive that is wrong, and not the checker. */
const here: readonly CheckedBackend[] = ['disk', ...(await mountableKinds())];

(withoutCompiler === null ? describe : describe.skip)('random operations', () => {
  let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
  let program: string;
  beforeAll(async () => {
    scratch = await temporaryDirectory('ferry-checker');
    program = await compileChecker(scratch.path);
  });
  afterAll(() => scratch.close());

  test.each(here)(
    'on %s leave what a model says, while files are replaced, uploaded and given up',
    async (backend) => {
      const options = optionsFrom([
        '--backend',
        backend,
        '--ops',
        OPERATIONS[backend],
        '--no-restarts',
      ]);
      if (options === null) throw new Error('no options');
      const place = await openPlace(backend);
      try {
        const { results, trouble } = await checkPlace(place, SEEDS, { ...options, program });
        expect([...results.map(({ complaint }) => complaint), trouble]).toEqual(['', '', null]);
        for (const { summary } of results) expect(summary?.operations).toBe(options.operations);
      } finally {
        await place.close();
      }
    },
    TEST_TIMEOUT_MS,
  );
});
