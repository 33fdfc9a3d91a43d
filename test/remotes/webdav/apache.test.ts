import { expect, test } from '@jest/globals';
import { at, observeAll, put, textOutside } from '../../conformance/setting.ts';
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

  test('a file whose name is too long for a kept time is written all the same', async () => {
    const { replica, outside } = await context().fresh();
    const name = 'n'.repeat(255);
    const { version } = await put(replica, name, 'content', {
      mtimeNs: 1_600_000_000_000_000_000n,
    });
    expect(await textOutside(outside, name)).toBe('content');
    const metadata = { mtimeNs: 1_500_000_000_000_000_000n };
    expect(await replica.setMetadata(at(name), metadata, { expected: version })).toMatchObject({
      version,
    });
    await replica.close();
  });
});
