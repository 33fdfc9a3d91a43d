import { describe, expect, it } from '@jest/globals';
import {
  EXIT_BY_ERROR,
  exitCodeOfError,
  exitCodeOfSummary,
  worstExitCode,
} from '../../cli/exit-codes.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { Conflict, Problem } from '../../core/model/problem.ts';

const path = 'a' as Problem['path'];
const problem = (code: Problem['code'], retry: Problem['retry']): Problem => ({
  path,
  side: 'local',
  code,
  retry,
  message: '',
});
const conflict: Conflict = { path, copyPath: path, copyFrom: 'local', detectedAtMs: 0 };

describe('exit codes of errors', () => {
  it.each([
    ['CONFIG_INVALID', 2],
    ['LOCAL_ROOT_MISSING', 3],
    ['REMOTE_NOT_FOUND', 3],
    ['REMOTE_UNREACHABLE', 5],
    ['REMOTE_RATE_LIMITED', 5],
    ['RECORD_CORRUPT', 7],
    ['GUARD_STOPPED', 12],
    ['REMOTE_UNAUTHORIZED', 13],
    ['DAEMON_NOT_RUNNING', 14],
    ['RECORD_LOCKED', 15],
    ['LOCAL_PERMISSION', 1],
  ] as const)('%s is %i', (code, expected) => {
    expect(exitCodeOfError(new FerryError(code, ''))).toBe(expected);
  });

  it('are not those of something temporary where another try puts nothing right', () => {
    const untrusted = new FerryError('REMOTE_UNREACHABLE', 'certificate', { retry: 'never' });
    expect(exitCodeOfError(untrusted)).toBe(1);
  });

  it('are never success', () => {
    expect(Object.values(EXIT_BY_ERROR)).not.toContain(0);
  });
});

describe('exit codes of runs', () => {
  it.each([
    ['nothing to complain about', [], [], 0],
    ['conflict copies were kept', [], [conflict], 11],
    ['only temporary failures', [problem('CHANGED', 'now')], [], 5],
    ['a lasting failure', [problem('LOCAL_PERMISSION', 'never'), problem('CHANGED', 'now')], [], 1],
    ['entries that are left alone by design', [problem('KIND_NOT_SUPPORTED', 'never')], [], 0],
    ['failures beside conflicts', [problem('CHANGED', 'now')], [conflict], 5],
  ] as const)('%s', (_what, problems, conflicts, expected) => {
    expect(exitCodeOfSummary({ problems, conflicts })).toBe(expected);
  });

  it('of several pairs are that of the worst', () => {
    expect(worstExitCode([0, 11, 5, 12, 1])).toBe(12);
    expect(worstExitCode([0, 11])).toBe(11);
    expect(worstExitCode([])).toBe(0);
  });
});
