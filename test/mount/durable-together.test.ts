import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { compileSlowSync, noCompilerReason } from '../crash/native-programs.ts';
import { MountedDrive, reasonWithoutMount } from '../support/mounted-drive.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const withoutMount = await reasonWithoutMount('native');
const withoutCompiler = noCompilerReason();
if (withoutCompiler !== null)
  process.stderr.write(`skipped: what fsync waits for: ${withoutCompiler}\n`);

/** Two files are written and closed; then both are synced, the second one while the first is. Prints how long each took. */
const SYNC_TOGETHER = `
import os, threading, time
for name in 'one', 'two':
    with open(name, 'w') as file: file.write('content')
ended = {}
def sync(name):
    os.fsync(os.open(name, os.O_RDONLY))
    ended[name] = time.monotonic()
first = threading.Thread(target=sync, args=['one'])
first.start()
time.sleep(0.3)
sync('two')
first.join()
print('too early' if ended['two'] < ended['one'] - 0.2 else 'together')
`;

(withoutMount === null && withoutCompiler === null ? describe : describe.skip)(
  'fsync by two programs at once',
  () => {
    let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
    const { FERRY_HOST_PRELOAD } = process.env;
    beforeEach(async () => {
      scratch = await temporaryDirectory('ferry-slow');
      const library = await compileSlowSync(scratch.path);
      // A sanitizer's library must be the first.
      process.env['FERRY_HOST_PRELOAD'] =
        FERRY_HOST_PRELOAD === undefined ? library : `${FERRY_HOST_PRELOAD}:${library}`;
    });
    afterEach(async () => {
      if (FERRY_HOST_PRELOAD === undefined) delete process.env['FERRY_HOST_PRELOAD'];
      else process.env['FERRY_HOST_PRELOAD'] = FERRY_HOST_PRELOAD;
      delete process.env['FERRY_SLOW_SYNC'];
      await scratch.close();
    });

    test.each([
      ['the log', '/state/log'],
      ['the folder of contents', '/state/cache'],
    ])('does not return before %s is durable, whoever has begun with that', async (_, slow) => {
      process.env['FERRY_SLOW_SYNC'] = slow;
      const drive = await MountedDrive.start({ backend: 'native' });
      try {
        const { stdout } = await drive.run('python3', '-c', SYNC_TOGETHER);
        expect(stdout).toBe('together\n');
      } finally {
        await drive.dispose();
      }
    });
  },
);
