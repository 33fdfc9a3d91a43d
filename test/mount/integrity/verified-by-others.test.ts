import { describe, expect, test } from '@jest/globals';
import { mountableKinds } from '../../support/mounted-drive.ts';
import { openPlace } from './checked-drive.ts';
import { fioChecks } from './fio-jobs.ts';
import { noProgramReason, type ProgramCheck, runProgramCheck } from './outside-programs.ts';
import { stressorsTogether } from './stressors.ts';

const SECONDS = 1;
const FIO_BYTES = 1024 * 1024;
const TEST_TIMEOUT_MS = 180_000;

const CHECKS: readonly ProgramCheck[] = [
  ...fioChecks(['read and written at random', 'read and written through a mapping'], FIO_BYTES),
  stressorsTogether(['chmod', 'dentry', 'filename', 'fstat', 'iomix', 'lockf', 'rename', 'utime']),
];

const kinds = await mountableKinds();

for (const program of ['fio', 'stress-ng'] as const) {
  const reason = noProgramReason(program);
  if (reason !== null) process.stderr.write(`skipped: ${program} on a drive: ${reason}\n`);
}

(kinds.length > 0 ? describe : describe.skip)('programs that verify what they wrote', () => {
  test.each(kinds)(
    'find nothing wrong on %s',
    async (backend) => {
      const place = await openPlace(backend);
      try {
        for (const check of CHECKS) {
          if (noProgramReason(check.program) !== null) continue;
          const verdict = await runProgramCheck(check, place.directory, SECONDS);
          expect(verdict).toEqual({ name: check.name, result: 'ok', said: '' });
        }
      } finally {
        await place.close();
      }
    },
    TEST_TIMEOUT_MS,
  );
});
