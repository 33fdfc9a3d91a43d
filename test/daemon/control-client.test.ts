import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOfDaemon, connectDaemon } from '../../daemon/control-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let socketPath: string;

beforeEach(async () => {
  folder = await temporaryDirectory();
  socketPath = join(folder.path, 'control.sock');
});
afterEach(() => folder.close());

describe('the daemon', () => {
  it('is not running where nobody listens', async () => {
    expect(await connectDaemon(socketPath)).toBeNull();
    await expect(clientOfDaemon(socketPath)).rejects.toMatchObject({ code: 'DAEMON_NOT_RUNNING' });
  });

  it('is not taken for one that does not run while it is too busy to answer', async () => {
    const silent = createServer().listen(socketPath);
    await once(silent, 'listening');
    const busy = { code: 'LOCAL_BUSY', message: expect.stringContaining('has not answered') };
    await expect(connectDaemon(socketPath, 100)).rejects.toMatchObject(busy);
    await expect(clientOfDaemon(socketPath, 100)).rejects.toMatchObject(busy);
    silent.close();
  });
});
