import { describe, expect, test } from '@jest/globals';
import { reasonWithoutMount } from '../../support/mounted-drive.ts';
import { BACKENDS, openPlace } from './checked-drive.ts';
import { fioChecks } from './fio-jobs.ts';
import { noProgramReason, type ProgramCheck, runProgramCheck } from './outside-programs.ts';
import { stressorsTogether } from './stressors.ts';

const SECONDS = 2;
const FIO_BYTES = 1024 * 1024;
const TEST_TIMEOUT_MS = 180_000;

const CHECKS: readonly ProgramCheck[] = [
  ...fioChecks(['read and written at random', 'read and written through a mapping'], FIO_BYTES),
  stressorsTogether(['chmod', 'dentry', 'dirdeep', 'filename', 'fstat', 'getdent', 'iomix']),
  stressorsTogether(['lockf', 'msync', 'open', 'rename', 'seek', 'symlink', 'sync-file', 'utime']),
];

const withoutMount = await reasonWithoutMount();
const backends = withoutMount === null ? BACKENDS.filter((one) => one === 'fuse-native') : [];

for (const program of ['fio', 'stress-ng'] as const) {
  const reason = noProgramReason(program);
  if (reason !== null) process.stderr.write(`skipped: ${program} on a drive: ${reason}\n`);
}

(withoutMount === null ? describe : describe.skip)('programs that verify what they wrote', () => {
  test.each(backends)(
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
