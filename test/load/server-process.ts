// Serves a directory to as many users as the second argument says, each with a root of their own; prints its URL.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourcePath } from '../../server/request-path.ts';
import { serve } from '../../server/serve.ts';
import { hashPassword } from '../../server/users.ts';
import { recordingLogger } from '../server/support/running-server.ts';
import { PASSWORD, userName } from './names.ts';

const [directory = '', count = '0'] = process.argv.slice(2);
// One hash for all: what is measured is not how long argon2 takes.
const passwordHash = await hashPassword(PASSWORD);
const users = Array.from({ length: Number(count) }, (_, index) => {
  const name = userName(index);
  mkdirSync(join(directory, name), { recursive: true });
  return { name, passwordHash, root: name as ResourcePath };
});
const server = await serve({
  directory,
  host: '127.0.0.1',
  port: 0,
  users,
  tls: null,
  keepVersions: {},
  logger: recordingLogger(),
});
process.stdout.write(`${server.url}\n`);
