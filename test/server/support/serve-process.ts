// Serves the directory in the first argument until it is killed; prints its URL.
import { serve } from '../../../server/serve.ts';
import { recordingLogger } from './running-server.ts';

const server = await serve({
  directory: process.argv[2] ?? '',
  host: '127.0.0.1',
  port: 0,
  users: null,
  tls: null,
  logger: recordingLogger(),
});
process.stdout.write(`${server.url}\n`);
