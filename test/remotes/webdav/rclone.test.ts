import { expect, test } from '@jest/globals';
import { at, item, observeAll, writeCode } from '../../conformance/setting.ts';
import { rclone } from '../../support/servers/rclone.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(rclone(), (context) => {
  test('the probe finds what rclone ignores, and that a cut PUT leaves a part', () => {
    expect(context().probe).toMatchObject({
      ifMatch: { put: false, remove: false, move: false },
      ifNoneMatch: false,
      ifLists: false,
      overwriteFalse: true,
      locks: 'named',
      atomicPut: false,
      versions: 'exact',
      mkcolRefusesExisting: false,
      depthInfinity: true,
    });
  });

  test('uploads that an interrupted run left are removed, those of others and parked entries stay', async () => {
    const { replica, outside } = await context().fresh();
    await outside.write('folder/.ferry-tmp-tests-up-abc123.7', 'half');
    await outside.write('folder/.ferry-tmp-other-up-abc123.7', 'half');
    await outside.write('.ferry-tmp-park-7', 'a file of the user');
    expect((await observeAll(replica)).order).toEqual(['folder']);
    expect(await outside.list('folder')).toEqual(['.ferry-tmp-other-up-abc123.7']);
    expect(await outside.list('')).toContain('.ferry-tmp-park-7');
    await replica.close();
  });

  test('names with control characters, which it would change, are refused before anything is sent', async () => {
    const { replica, outside } = await context().fresh();
    for (const name of ['tab\there', 'line\nbreak'])
      expect(await writeCode(replica, item(name, 'content'))).toBe('NAME_NOT_ALLOWED');
    await expect(replica.makeDirectory(at('tab\there'))).rejects.toMatchObject({
      code: 'NAME_NOT_ALLOWED',
    });
    expect(await outside.list('')).toEqual([]);
    await replica.close();
  });
});
