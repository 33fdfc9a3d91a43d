import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Context, daemonOf } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { startDaemon } from './daemon.ts';

/** Returns the Electron program beside Ferry or on the PATH; undefined where there is none. */
function findElectron(environment: NodeJS.ProcessEnv): string | undefined {
  const { PATH = '' } = environment;
  const name = process.platform === 'win32' ? 'electron.exe' : 'electron';
  const packaged = new URL(`../../../node_modules/electron/dist/${name}`, import.meta.url);
  const places = [
    fileURLToPath(packaged),
    ...PATH.split(delimiter)
      // npm's shim of that name would download the program; only a real one is started unasked.
      .filter((directory) => directory !== '' && !directory.includes('node_modules'))
      .map((directory) => join(directory, name)),
  ];
  return places.find((place) => existsSync(place));
}

/** `ferry tray`: shows the tray menu, where Electron is there to do it. */
export async function run(context: Context): Promise<number> {
  const electron = findElectron(context.environment);
  const main = fileURLToPath(new URL('../../tray/main.js', import.meta.url));
  const { socketPath } = context.home;
  if (electron === undefined) {
    const { terminal } = context;
    terminal.complain('tray: Electron is not installed, and no part of Ferry; start the tray with');
    terminal.note(`  FERRY_SOCKET=${socketPath} npx electron@45 ${main}`);
    terminal.note('or install Electron and say ferry tray again');
    return EXIT.error;
  }
  if ((await daemonOf(context)) === null) await startDaemon(context);
  const child = spawn(electron, [main], {
    stdio: 'ignore',
    detached: true,
    env: { ...context.environment, FERRY_SOCKET: socketPath },
  });
  child.unref();
  context.terminal.note('ferry: the tray was started');
  return EXIT.ok;
}
