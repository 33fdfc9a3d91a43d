import { rm } from 'node:fs/promises';
import { serve } from '../../../server/serve.ts';
import { quietLogger } from '../quiet.ts';
import { makeFolders, type ServerKind } from './real-server.ts';

/** Ferry's own server, in this process. */
export function companion(): ServerKind {
  return {
    name: 'companion server',
    reason: null,
    async start() {
      const folders = await makeFolders('companion');
      const running = await serve({
        directory: folders.data,
        host: '127.0.0.1',
        port: 0,
        users: null,
        tls: null,
        logger: quietLogger,
      });
      return {
        url: running.url,
        directory: folders.data,
        async close() {
          await running.close();
          await rm(folders.base, { recursive: true, force: true });
        },
      };
    },
  };
}
