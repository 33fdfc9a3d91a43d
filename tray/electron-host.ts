import type * as Electron from 'electron';
import type { ApiState } from '../daemon/api.ts';
import type { TrayApi } from './api-client.ts';
import { iconPng } from './icons.ts';
import { ICON_STATES, type IconState, type MenuItem, trayMenu } from './menu.ts';

/** The members of Electron that the tray uses, and no others. */
export type ElectronMembers = Pick<
  typeof Electron,
  'app' | 'dialog' | 'Menu' | 'nativeImage' | 'shell' | 'Tray'
>;

export interface ElectronHostOptions {
  readonly electron: ElectronMembers;
  readonly api: TrayApi;
  readonly platform: NodeJS.Platform;
  readonly now?: () => number;
}

/** A menu that is open is not taken away for a new number in it. */
const REDRAW_MS = 500;

function loadIcons(electron: ElectronMembers, platform: NodeJS.Platform) {
  const icons = new Map<IconState, Electron.NativeImage>();
  for (const state of ICON_STATES) {
    const image = electron.nativeImage.createFromBuffer(iconPng(state, 2), { scaleFactor: 1 });
    image.addRepresentation({ scaleFactor: 2, buffer: iconPng(state, 4) });
    if (platform === 'darwin') image.setTemplateImage(true);
    icons.set(state, image);
  }
  return icons;
}

/**
 * Shows the tray icon and its menu, and does what is clicked. Holds no logic of its own: what to show is
 * `trayMenu`, what happens is the daemon's.
 */
export async function runElectronHost(options: ElectronHostOptions): Promise<void> {
  const { electron, api, platform, now = Date.now } = options;
  const { app, dialog, Menu, shell, Tray } = electron;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  await app.whenReady();
  const icons = loadIcons(electron, platform);
  const iconOf = (state: IconState) => icons.get(state) ?? electron.nativeImage.createEmpty();
  // A tray that nobody refers to is collected, and its icon disappears.
  const tray = new Tray(iconOf('offline'));
  const ended = new AbortController();

  const perform = async (item: MenuItem): Promise<void> => {
    const { action, confirm } = item;
    if (action === undefined) return;
    if (confirm !== undefined) {
      const [message = '', detail = ''] = confirm.split('\n');
      const buttons = ['Cancel', 'Go on'];
      const choice = {
        type: 'warning' as const,
        message,
        detail,
        buttons,
        cancelId: 0,
        defaultId: 0,
      };
      const { response } = await dialog.showMessageBox(choice);
      if (response !== 1) {
        // A radio item has ticked itself; the menu says again what is true.
        redraw();
        return;
      }
    }
    if (action.kind === 'quit') app.quit();
    else if (action.kind === 'open') await shell.openPath(action.absolutePath);
    else for (const pair of action.pairs) await api.command(pair, action.command, action.body);
  };

  const click = (item: MenuItem) => () => {
    perform(item).catch((error: unknown) => {
      const { message } = error as Error;
      dialog.showErrorBox(`Ferry: ${item.label}`, message);
    });
  };

  const template = (item: MenuItem): Electron.MenuItemConstructorOptions => ({
    id: item.id,
    type: item.type,
    label: item.label,
    enabled: item.enabled,
    ...(item.checked === undefined ? {} : { checked: item.checked }),
    ...(item.items === undefined ? {} : { submenu: item.items.map(template) }),
    ...(item.action === undefined ? {} : { click: click(item) }),
  });

  let state: ApiState | null = null;
  let shown = '';
  const redraw = () => {
    const menu = trayMenu(state, now());
    tray.setImage(iconOf(menu.icon));
    tray.setToolTip(menu.tooltip);
    // On Linux a changed item only shows after the whole menu was set again.
    tray.setContextMenu(Menu.buildFromTemplate(menu.items.map(template)));
    shown = JSON.stringify(menu);
  };
  const redrawIfChanged = () => {
    if (JSON.stringify(trayMenu(state, now())) !== shown) redraw();
  };
  let timer: NodeJS.Timeout | undefined;

  redraw();
  tray.on('double-click', () => {
    const first = state?.pairs.find(({ kind }) => kind === 'drive') ?? state?.pairs[0];
    if (first !== undefined) void shell.openPath(first.local);
  });
  // Without this an application ends with its last window, and a tray has none.
  app.on('window-all-closed', () => undefined);
  app.on('before-quit', () => {
    ended.abort();
    tray.destroy();
  });
  await api.follow((next) => {
    state = next;
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!ended.signal.aborted) redrawIfChanged();
    }, REDRAW_MS);
  }, ended.signal);
  clearTimeout(timer);
}
