import { chmod, mkdir, writeFile } from 'node:fs/promises';
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

const MODULES_FOLDER = '/usr/lib/apache2/modules';
const MODULES: readonly (readonly [string, string])[] = [
  ['mpm_event_module', 'mod_mpm_event.so'],
  ['authz_core_module', 'mod_authz_core.so'],
  ['mime_module', 'mod_mime.so'],
  ['dav_module', 'mod_dav.so'],
  ['dav_fs_module', 'mod_dav_fs.so'],
];
/** Debian's www-data: Apache does not serve as root. */
const SERVER_ACCOUNT = { name: 'www-data', id: 33 };

function configuration(base: string, data: string, port: number): string {
  const account = userInfo().uid === 0 ? SERVER_ACCOUNT.name : userInfo().username;
  return [
    `ServerRoot "${base}"`,
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    `PidFile "${base}/apache.pid"`,
    `ErrorLog "${base}/error.log"`,
    ...MODULES.map(([name, file]) => `LoadModule ${name} ${MODULES_FOLDER}/${file}`),
    'TypesConfig /etc/mime.types',
    `User ${account}`,
    `Group ${account}`,
    'StartServers 1',
    'ThreadsPerChild 25',
    'MaxRequestWorkers 50',
    'KeepAlive On',
    'MaxKeepAliveRequests 0',
    'AllowEncodedSlashes NoDecode',
    `DocumentRoot "${data}"`,
    `DavLockDB "${base}/locks/db"`,
    `<Directory "${data}">`,
    '  Dav On',
    '  Require all granted',
    '  Options None',
    '  AllowOverride None',
    '</Directory>',
    '',
  ].join('\n');
}

/** Apache with mod_dav and mod_dav_fs, as Debian packages it. */
export function apache(): ServerKind {
  const command = programPath('apache2');
  const missing = MODULES.filter(([, file]) => !isReadable(join(MODULES_FOLDER, file)));
  const reason =
    command === null || missing.length > 0 ? "Debian's package apache2 is not installed" : null;
  return {
    name: 'Apache mod_dav',
    reason,
    async start() {
      if (command === null) throw new Error(reason ?? 'not available');
      const folders = await makeFolders('apache', SERVER_ACCOUNT.id);
      const port = await freePort();
      const locks = join(folders.base, 'locks');
      await mkdir(locks);
      await chmod(locks, 0o777);
      const file = join(folders.base, 'apache.conf');
      await writeFile(file, configuration(folders.base, folders.data, port));
      return runServer({ command, args: ['-f', file, '-D', 'FOREGROUND'], port, folders });
    },
  };
}
