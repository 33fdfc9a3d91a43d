import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  isReadable,
  makeFolders,
  programPath,
  runServer,
  type ServerKind,
} from './real-server.ts';

const DAV_EXT_MODULE = '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so';

function configuration(base: string, data: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${base}/${name};`,
  );
  return [
    `load_module ${DAV_EXT_MODULE};`,
    ...(userInfo().uid === 0 ? ['user root;'] : []),
    'daemon off;',
    'worker_processes 1;',
    `pid ${base}/nginx.pid;`,
    `error_log ${base}/error.log;`,
    'events { worker_connections 256; }',
    'http {',
    '  access_log off;',
    '  default_type application/octet-stream;',
    '  keepalive_requests 100000;',
    '  dav_ext_lock_zone zone=locks:1m;',
    ...temporary,
    '  server {',
    `    listen 127.0.0.1:${port};`,
    '    location / {',
    `      root ${data};`,
    '      client_max_body_size 0;',
    '      create_full_put_path off;',
    '      dav_methods PUT DELETE MKCOL COPY MOVE;',
    '      dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;',
    '      dav_ext_lock zone=locks;',
    '    }',
    '  }',
    '}',
    '',
  ].join('\n');
}

/** nginx with its dav module and dav-ext, as Debian packages them. */
export function nginx(): ServerKind {
  const command = programPath('nginx');
  const reason =
    command === null || !isReadable(DAV_EXT_MODULE)
      ? "Debian's packages nginx and libnginx-mod-http-dav-ext are not installed"
      : null;
  return {
    name: 'nginx dav-ext',
    reason,
    async start() {
      if (command === null) throw new Error(reason ?? 'not available');
      const folders = await makeFolders('nginx');
      const port = await freePort();
      const file = join(folders.base, 'nginx.conf');
      await writeFile(file, configuration(folders.base, folders.data, port));
      const args = ['-p', folders.base, '-c', file, '-e', join(folders.base, 'start.log')];
      return runServer({ command, args, port, folders });
    },
  };
}
