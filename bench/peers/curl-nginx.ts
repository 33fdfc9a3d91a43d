import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitForPort } from '../processes.ts';
import type { Peer } from './peer.ts';

/** curl and nginx's own PUT, for single large files: about what the machine can do over HTTP. */
export const curlNginx: Peer = {
  name: 'curl-nginx',
  needs: ['nginx', 'curl'],
  abilities: ['big'],
  async prepare({ local, remote, state, port, clientPort, servers }) {
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${state}/nginx;`,
    );
    const file = join(state, 'nginx.conf');
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const location = 'location / { dav_methods PUT DELETE; create_full_put_path on; }';
    writeFileSync(
      file,
      `${user} daemon off; pid ${state}/nginx.pid; error_log ${state}/nginx.log; worker_processes 1; events {}
      http { access_log off; sendfile on; client_max_body_size 0; ${folders.join(' ')}
        server { listen 127.0.0.1:${port}; root ${remote}; ${location} } }\n`,
    );
    const args = ['-c', file, '-e', join(state, 'nginx-start.log')];
    servers.start({ command: 'nginx', args });
    await waitForPort(port);
    const at = `http://127.0.0.1:${clientPort}`;
    return {
      once(way) {
        const [name = ''] = readdirSync(way === 'up' ? local : remote);
        const own = join(local, name);
        const transfer = way === 'up' ? ['-T', own] : ['-o', own];
        return { command: 'curl', args: ['-sf', ...transfer, `${at}/${name}`] };
      },
    };
  },
};
