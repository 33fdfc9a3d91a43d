import { expect, test } from '@jest/globals';
import { at, observeAll, put } from '../../conformance/setting.ts';
import { apache } from '../../support/servers/apache.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(apache(), (context) => {
  test('the probe finds every condition honoured, and ETags that are weak at first', () => {
    expect(context().probe).toMatchObject({
      ifMatch: { put: true, remove: true, move: true },
      ifNoneMatch: true,
      overwriteFalse: true,
      locks: 'named',
      atomicPut: true,
      etags: 'weak-at-first',
      versions: 'exact',
      setsMtime: 'no',
      deadProperties: true,
      depthInfinity: false,
      mkcolRefusesExisting: true,
      ranges: true,
    });
  });

  test('a kept time means nothing anymore once another program has replaced the file', async () => {
    const { replica, outside } = await context().fresh();
    const mtimeNs = 1_600_000_000_123_456_789n;
    await put(replica, 'file.txt', 'ours', { mtimeNs });
    expect(await replica.stat(at('file.txt'))).toMatchObject({ mtimeNs });
    await outside.write('file.txt', 'them');
    const { mtimeNs: later } = (await observeAll(replica)).entries.get('file.txt') as {
      mtimeNs?: bigint;
    };
    expect(later).not.toBe(mtimeNs);
    await replica.close();
  });
});
