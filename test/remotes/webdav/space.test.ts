import { describe, expect, test } from '@jest/globals';
import { openWebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { quietLogger } from '../../support/quiet.ts';
import { companion } from '../../support/servers/companion.ts';
import { closeFakesAfterEach, fakeRemote } from './fake-remote.ts';

closeFakesAfterEach();

async function told(properties: string, status = 207) {
  const { replica } = await fakeRemote((_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(
      `<d:multistatus xmlns:d="DAV:"><d:response><d:href>/</d:href><d:propstat><d:prop>${properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>`,
    );
  });
  return replica.space?.();
}

describe('the room on a server', () => {
  test('is what it says of the account', async () => {
    const both =
      '<d:quota-available-bytes>1000</d:quota-available-bytes><d:quota-used-bytes> 24 </d:quota-used-bytes>';
    expect(await told(both)).toEqual({ freeBytes: 1000, usedBytes: 24 });
    expect(await told('<d:quota-available-bytes>0</d:quota-available-bytes>')).toEqual({
      freeBytes: 0,
      usedBytes: null,
    });
  });

  test.each([
    ['it has no end', '<d:quota-available-bytes>-3</d:quota-available-bytes>', 207],
    ['nothing is said', '', 207],
    ['the question is refused', '', 403],
    ['the answer is nonsense', '<d:quota-available-bytes>much</d:quota-available-bytes>', 207],
  ])('is not known when %s', async (_, properties, status) => {
    expect(await told(properties, status)).toBeNull();
  });

  test('is told by the companion server', async () => {
    const server = await companion().start();
    const clock = { now: () => Date.now(), sleep: async () => {} };
    const replica = await openWebdavReplica({
      url: server.url,
      ownerId: 'tests',
      clock,
      logger: quietLogger,
    });
    try {
      const space = await replica.space?.();
      expect(space?.freeBytes).toBeGreaterThan(0);
      expect(space?.usedBytes).toBeGreaterThan(0);
    } finally {
      await replica.close();
      await server.close();
    }
  });
});
