// The companion server in a process of its own: serves the directory that it is told, or lets go of it.
import { type RunningServer, serve } from '../../server/serve.ts';
import { quietLogger } from '../support/quiet.ts';
import { answerLines } from './line-process.ts';

const served: { now: RunningServer | null } = { now: null };

await answerLines(async (order: { directory: string | null; port: number }) => {
  await served.now?.close();
  served.now = null;
  const { directory, port } = order;
  if (directory === null) return port;
  const plain = { host: '127.0.0.1', users: null, tls: null, logger: quietLogger };
  served.now = await serve({ ...plain, directory, port });
  return served.now.port;
});
await served.now?.close();
