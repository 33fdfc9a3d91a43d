import { readFile } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ApiPair, ApiState } from '../../daemon/api.ts';
import type { TrayApi } from '../../tray/api-client.ts';
import { runElectronHost } from '../../tray/electron-host.ts';
import { iconPng } from '../../tray/icons.ts';
import { ICON_STATES } from '../../tray/menu.ts';
import { createFakeElectron, type FakeElectron } from './fake-electron.ts';

const PAIR: ApiPair = {
  name: 'docs',
  kind: 'folder',
  local: '/home/me/docs',
  remote: 'work',
  direction: 'two-way',
  paused: false,
  running: false,
  inSync: 'in-sync',
  progress: null,
  lastRunAtMs: null,
  nextRunAtMs: null,
  lastError: null,
  conflicts: 0,
  problems: 0,
  recordedEntries: 1,
  resetting: false,
};

let electron: FakeElectron;
let sent: unknown[];
let show: (state: ApiState | null) => void;
let api: TrayApi;
let host: Promise<void>;

async function start(platform: NodeJS.Platform = 'linux'): Promise<void> {
  host = runElectronHost({ electron: electron.members, api, platform, now: () => 0 });
  await jest.advanceTimersByTimeAsync(0);
}

async function see(change: Partial<ApiPair>): Promise<void> {
  show({ version: '1', pid: 1, pairs: [{ ...PAIR, ...change }] });
  await jest.advanceTimersByTimeAsync(600);
}

beforeEach(() => {
  jest.useFakeTimers();
  electron = createFakeElectron();
  sent = [];
  api = {
    follow: (onState, signal) => {
      show = onState;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
    },
    command: async (...call) => {
      sent.push(call.filter((each) => each !== undefined));
    },
  };
});
afterEach(() => {
  jest.useRealTimers();
});

describe('the Electron host', () => {
  it('shows that nothing is known until the daemon answers, then its state', async () => {
    await start();
    expect(electron.tooltip()).toContain('not running');
    await see({});
    expect(electron.tooltip()).toBe('Ferry: Up to date');
    expect(electron.menu().some(({ label }) => label === 'Sync now')).toBe(true);
  });

  it('sends what is clicked', async () => {
    await start();
    await see({});
    electron.click('sync');
    electron.click('pause.30m');
    electron.click('open.docs');
    await jest.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([
      ['docs', 'sync'],
      ['docs', 'pause', { forMs: 1_800_000 }],
    ]);
    expect(electron.opened).toEqual(['/home/me/docs']);
  });

  it('asks before it changes the direction, and leaves it after a no', async () => {
    await start();
    await see({});
    electron.answer = 0;
    electron.click('direction.docs.remote-to-local');
    await jest.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([]);
    electron.answer = 1;
    electron.click('direction.docs.remote-to-local');
    await jest.advanceTimersByTimeAsync(0);
    expect(electron.questions.length).toBe(2);
    expect(sent).toEqual([['docs', 'direction', { direction: 'remote-to-local' }]]);
  });

  it('shows what went wrong with a command', async () => {
    api = {
      ...api,
      command: async () => {
        throw new Error('docs: would delete 40 of 50');
      },
    };
    await start();
    await see({});
    electron.click('sync');
    await jest.advanceTimersByTimeAsync(0);
    expect(electron.errors).toEqual(['docs: would delete 40 of 50']);
  });

  it('uses template images on macOS only', async () => {
    await start('darwin');
    expect(electron.templateImages()).toBe(ICON_STATES.length);
  });

  it('ends with its icon when it is quit, and the daemon is told nothing', async () => {
    await start();
    await see({});
    electron.click('quit');
    await host;
    expect([electron.destroyed(), sent]).toEqual([true, []]);
  });

  it('leaves the place to the one that runs already', async () => {
    electron = createFakeElectron({ isSecond: true });
    await start();
    await host;
    expect(electron.menu()).toEqual([]);
  });

  it('uses only members that the real Electron has', async () => {
    const root = new URL('../../../', import.meta.url);
    const source = await readFile(new URL('tray/electron-host.ts', root), 'utf8');
    const types = await readFile(new URL('node_modules/electron/electron.d.ts', root), 'utf8');
    const used = new Set(
      [...source.matchAll(/\b(?:app|dialog|Menu|nativeImage|shell|tray|image)\.(\w+)\(/g)].map(
        ([, member]) => member ?? '',
      ),
    );
    expect(used.size).toBeGreaterThanOrEqual(14);
    for (const member of used)
      expect(types).toMatch(new RegExp(`^\\s+(static )?${member}\\(`, 'm'));
    expect(source.split('\n').length).toBeLessThan(150);
  });
});

describe('the icons', () => {
  it('differ in shape for every state, and are PNG images of the size asked for', () => {
    const images = ICON_STATES.map((state) => iconPng(state, 2));
    expect(new Set(images.map((png) => png.toString('hex'))).size).toBe(ICON_STATES.length);
    for (const png of images) {
      expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([22, 22]);
      const length = png.readUInt32BE(33);
      expect(inflateSync(png.subarray(41, 41 + length)).length).toBe(22 * (1 + 22 * 2));
    }
  });
});
