import { expect, test } from '@jest/globals';
import type { SyncPath } from '../../../core/model/path.ts';
import { entryOf } from '../../../fs-adapter/folder/node-version.ts';
import { openSafeRoot } from '../../../native/index.ts';
import { fileIdOf } from '../../../server/etag.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('a file is the same one when its disk has another device number after a restart', async () => {
  const folder = await temporaryDirectory();
  const root = await openSafeRoot(folder.path);
  await root.makeDirectory('here', 0o700);
  const before = await root.stat('here');
  if (before === null || before.birthtimeNs === 0n) {
    process.stderr.write(
      'skipped: this file system keeps no birth times, so nothing is known by them\n',
    );
  } else {
    const after = { ...before, dev: before.dev + 1n };
    const identity = (stat: typeof before) => entryOf('here' as SyncPath, stat, root).identity;
    expect(identity(before)).toEqual(expect.any(String));
    expect(identity(after)).toBe(identity(before));
    expect(fileIdOf(after)).toBe(fileIdOf(before));
  }
  await root.close();
  await folder.close();
});
