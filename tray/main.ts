// Runs inside Electron only: in plain Node there is no module of this name that can be imported.
import { app, dialog, Menu, nativeImage, shell, Tray } from 'electron';
import { createTrayApi } from './api-client.ts';
import { runElectronHost } from './electron-host.ts';

const { FERRY_SOCKET: socketPath } = process.env;
if (socketPath === undefined) {
  process.stderr.write('ferry: tray: start it with ferry tray, which says where the daemon is\n');
  app.exit(2);
} else {
  await runElectronHost({
    electron: { app, dialog, Menu, nativeImage, shell, Tray },
    api: createTrayApi(socketPath),
    platform: process.platform,
  });
}
