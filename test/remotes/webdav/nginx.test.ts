import { expect, test } from '@jest/globals';
import {
  at,
  item,
  observeAll,
  put,
  textOutside,
  versionOf,
  writeAll,
} from '../../conformance/setting.ts';
import { nginx } from '../../support/servers/nginx.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(nginx(), (context) => {
  test('the probe finds locks and Overwrite honoured, and no other condition', () => {
    expect(context().probe).toMatchObject({
      ifMatch: { put: false, remove: false, move: false },
      ifNoneMatch: false,
      ifLists: false,
      overwriteFalse: true,
      locks: 'unnamed',
      atomicPut: true,
      etags: 'none',
      versions: 'seconds',
      deadProperties: false,
      listsDotNames: false,
    });
  });

  test('an edit within the second of our write gives another version', async () => {
    const { replica, url } = await context().fresh();
    const { version } = await put(replica, 'file.txt', 'ours');
    const answer = await fetch(`${url}file.txt`, { method: 'PUT', body: 'them' });
    expect(answer.ok).toBe(true);
    const seen = (await observeAll(replica)).entries.get('file.txt');
    expect(seen?.version).not.toBe(version);
    await replica.close();
  });

  test('files wait for the end of their second together, not one after another', async () => {
    const { replica } = await context().fresh();
    const began = Date.now();
    const items = Array.from({ length: 100 }, (_, index) => item(`file ${index}`, 'x'));
    const results = await writeAll(replica, items);
    expect([...results.values()].every((result) => 'entry' in result)).toBe(true);
    expect(Date.now() - began).toBeLessThan(15_000);
    await replica.close();
  });

  test('what is put aside under a temporary name is found there, although listings hide it', async () => {
    const { replica, outside } = await context().fresh();
    await outside.write('a', 'content');
    const parked = at('.ferry-tmp-park-7');
    const expected = await versionOf(replica, 'a');
    expect(await replica.move(at('a'), parked, { expected })).toMatchObject({ kind: 'file' });
    expect(await replica.stat(parked)).toMatchObject({ version: expected });
    await replica.move(parked, at('b'), { expected });
    expect(await textOutside(outside, 'b')).toBe('content');
    await replica.close();
  });
});
