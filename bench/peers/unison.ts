import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForPort } from '../processes.ts';
import type { Peer } from './peer.ts';

const OPTIONS = ['-batch', '-auto', '-times', '-confirmbigdel=false', '-prefer', 'newer'];

/** unison over a socket. */
export const unison: Peer = {
  name: 'unison',
  needs: ['unison'],
  abilities: ['tree', 'both', 'big', 'delta', 'rename', 'far', 'watch'],
  async prepare({ local, remote, state, port, clientPort, servers, clients }) {
    const homes = [join(state, 'unison-server'), join(state, 'unison-client')] as const;
    for (const home of homes) mkdirSync(home, { recursive: true });
    servers.start({
      command: 'unison',
      args: ['-socket', `${port}`, '-listen', '127.0.0.1'],
      env: { UNISON: homes[0] },
    });
    await waitForPort(port);
    const roots = [local, `socket://127.0.0.1:${clientPort}/${remote}`];
    const args = [...roots, ...OPTIONS, '-silent', '-ui', 'text'];
    const env = { UNISON: homes[1] };
    return {
      once: () => ({ command: 'unison', args, env }),
      async watch() {
        clients.start({ command: 'unison', args: [...args, '-repeat', '1'], env });
        await sleep(2000);
      },
    };
  },
};
