import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { compileShim, noCompilerReason } from '../crash/native-programs.ts';
import { MountedDrive, mountableKinds } from '../support/mounted-drive.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const kinds = await mountableKinds();
const withoutCompiler = noCompilerReason();
if (withoutCompiler !== null)
  process.stderr.write(`skipped: what fsync makes durable: ${withoutCompiler}\n`);

/** Writes, closes, and syncs through a handle of its own; prints what the drive's process synced meanwhile. */
const SYNC_LATER = `
import os, sys
name, trace, flags = sys.argv[1], sys.argv[2], getattr(os, sys.argv[3])
with open(trace) as said:
    said.seek(0, 2)
    with open(name, 'wb') as file: file.write(b'content')
    os.fsync(os.open(name, flags))
    print(said.read(), end='')
`;

(withoutCompiler === null && kinds.length > 0 ? describe : describe.skip)('fsync', () => {
  let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
  let trace: string;
  const before = { ...process.env };
  beforeAll(async () => {
    scratch = await temporaryDirectory('ferry-traced');
    trace = join(scratch.path, 'trace');
    const { FERRY_HOST_PRELOAD } = process.env;
    const shim = await compileShim(scratch.path);
    // A sanitizer's library must be the first.
    const preload = FERRY_HOST_PRELOAD === undefined ? shim : `${FERRY_HOST_PRELOAD}:${shim}`;
    const traced = { FERRY_CRASH_UNDER: tmpdir(), FERRY_CRASH_TRACE: trace };
    Object.assign(process.env, { FERRY_HOST_PRELOAD: preload, ...traced });
  });
  afterAll(async () => {
    for (const name of ['FERRY_HOST_PRELOAD', 'FERRY_CRASH_UNDER', 'FERRY_CRASH_TRACE']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    await scratch.close();
  });

  describe.each(kinds)('on a drive shown by %s', (backend) => {
    let drive: MountedDrive;
    beforeAll(async () => {
      await fs.rm(trace, { force: true });
      drive = await MountedDrive.start({ backend });
    });
    afterAll(() => drive.dispose());

    test.each(['O_RDONLY', 'O_WRONLY', 'O_RDWR'])(
      'makes durable what was written through a handle that is closed already (%s)',
      async (flags) => {
        const name = `${flags}.txt`;
        const { code, stdout } = await drive.run('python3', '-c', SYNC_LATER, name, trace, flags);
        expect(code).toBe(0);
        const synced = stdout.split('\n').filter((line) => line.startsWith('sync\t'));
        expect(synced.some((line) => line.includes('/state/cache/'))).toBe(true);
      },
    );
  });
});
