import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runToEnd, waitForPort } from '../processes.ts';
import type { Peer, Way } from './peer.ts';

const FERRY = resolve('ferry');
const DIRECTIONS: Readonly<Record<Way, string>> = {
  up: 'local-to-remote',
  down: 'remote-to-local',
  both: 'two-way',
};

/** Ferry against its companion server; every answer of the server is durable. */
export const ferry: Peer = {
  name: 'ferry',
  needs: [],
  abilities: ['tree', 'both', 'big', 'delta', 'rename', 'watch', 'far'],
  async prepare({ local, remote, state, port, clientPort, servers, clients }) {
    const password = join(state, 'password');
    writeFileSync(password, 'bench\n');
    const user = ['--user', 'bench', '--password-file', password];
    const listen = ['--listen', `127.0.0.1:${port}`, '--no-tls'];
    servers.start({
      command: FERRY,
      args: ['serve', remote, ...listen, ...user],
      env: { FERRY_HOME: join(state, 'server') },
    });
    await waitForPort(port);
    const env = { FERRY_HOME: join(state, 'home') };
    await runToEnd({
      command: FERRY,
      args: ['remote', 'add', 'bench', `http://127.0.0.1:${clientPort}/`, ...user],
      env,
    });
    const sync = (way: Way): string[] => ['sync', local, 'bench', '--direction', DIRECTIONS[way]];
    return {
      once: (way) => ({ command: FERRY, args: [...sync(way), '--allow-deletes', '-q'], env }),
      async watch() {
        clients.start({ command: FERRY, args: [...sync('both'), '--watch'], env });
        await sleep(3000);
      },
    };
  },
};
