import { freePort, makeFolders, programPath, runServer, type ServerKind } from './real-server.ts';

/** `rclone serve webdav` on a folder, without a cache of directories. */
export function rclone(): ServerKind {
  const command = programPath('rclone');
  const reason = command === null ? "Debian's package rclone is not installed" : null;
  return {
    name: 'rclone serve webdav',
    reason,
    async start() {
      if (command === null) throw new Error(reason ?? 'not available');
      const folders = await makeFolders('rclone');
      const port = await freePort();
      const args = [
        'serve',
        'webdav',
        folders.data,
        '--addr',
        `127.0.0.1:${port}`,
        '--config',
        '',
        '--vfs-cache-mode',
        'off',
        '--dir-cache-time',
        '0s',
      ];
      return runServer({ command, args, port, folders });
    },
  };
}
