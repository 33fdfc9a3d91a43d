import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/servers/real-server.ts';
import { waitForPort } from '../processes.ts';
import type { Peer } from './peer.ts';

const KEY = 'bench';
const GIVE_UP_MS = 600_000;

interface Device {
  readonly home: string;
  readonly folder: string;
  readonly guiPort: number;
  readonly listen: string;
  readonly id: string;
}

interface FolderStatus {
  readonly state: string;
  readonly needTotalItems: number;
  readonly localFiles: number;
  readonly globalFiles: number;
  readonly globalBytes: number;
  readonly globalDeleted: number;
}

interface Completion {
  readonly needItems: number;
  readonly needBytes: number;
  readonly needDeletes: number;
}

/** Two instances on this machine, without relays, discovery and reports; the watcher waits a second, the least it can. */
export const syncthing: Peer = {
  name: 'syncthing',
  needs: ['syncthing'],
  abilities: ['tree', 'both', 'big', 'delta', 'rename', 'far', 'watch'],
  async prepare({ local, remote, state, port, clientPort, watches, servers, clients }) {
    const near = await makeDevice(join(state, 'near'), local, 'dynamic');
    const far = await makeDevice(join(state, 'far'), remote, `tcp://127.0.0.1:${port}`);
    configure(near, far, `tcp://127.0.0.1:${clientPort}`, watches);
    configure(far, near, 'dynamic', watches);
    const command = ({ home }: Device) => ({
      command: 'syncthing',
      args: ['serve', `--home=${home}`, '--no-browser', '--no-restart', '--no-upgrade'],
    });
    servers.start(command(far));
    await waitForPort(far.guiPort);
    clients.start(command(near));
    await waitForPort(near.guiPort);
    await connected(near, far);
    return {
      once: () => () => syncBoth(near, far),
      watch: async () => undefined,
    };
  },
};

async function makeDevice(home: string, folder: string, listen: string): Promise<Device> {
  mkdirSync(home, { recursive: true });
  mkdirSync(join(folder, '.stfolder'), { recursive: true });
  const [guiPort, ownPort] = [await freePort(), await freePort()];
  const home_ = `--home=${home}`;
  execFileSync('syncthing', ['generate', home_, '--no-default-folder'], { stdio: 'ignore' });
  const id = execFileSync('syncthing', [home_, '--device-id'], { encoding: 'utf8' }).trim();
  return {
    home,
    folder,
    guiPort,
    listen: listen === 'dynamic' ? `tcp://127.0.0.1:${ownPort}` : listen,
    id,
  };
}

function configure(own: Device, peer: Device, address: string, watches: boolean): void {
  const off = (...names: string[]): string =>
    names.map((name) => `<${name}>false</${name}>`).join('');
  const device = (id: string, at: string): string =>
    `<device id="${id}" compression="metadata"><address>${at}</address></device>`;
  const folder = `<folder id="f" path="${own.folder}" type="sendreceive" rescanIntervalS="0" fsWatcherEnabled="${watches}" fsWatcherDelayS="1">
    <device id="${own.id}"/><device id="${peer.id}"/><minDiskFree unit="">0</minDiskFree><paused>true</paused></folder>`;
  const options = `<options><listenAddress>${own.listen}</listenAddress>${off(
    'globalAnnounceEnabled',
    'localAnnounceEnabled',
    'relaysEnabled',
    'natEnabled',
    'crashReportingEnabled',
    'startBrowser',
    'setLowPriority',
  )}<urAccepted>-1</urAccepted><reconnectionIntervalS>1</reconnectionIntervalS></options>`;
  const gui = `<gui enabled="true" tls="false"><address>127.0.0.1:${own.guiPort}</address><apikey>${KEY}</apikey></gui>`;
  const devices = device(own.id, 'dynamic') + device(peer.id, address);
  writeFileSync(
    join(own.home, 'config.xml'),
    `<configuration version="36">${folder}${devices}${gui}${options}</configuration>`,
  );
}

async function ask<T>({ guiPort }: Device, path: string, init: RequestInit = {}): Promise<T> {
  const headers = { 'X-API-Key': KEY, 'content-type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${guiPort}/rest/${path}`, { ...init, headers });
  if (!answer.ok) throw new Error(`syncthing answered ${answer.status} to ${path}`);
  const text = await answer.text();
  return (text === '' ? null : JSON.parse(text)) as T;
}

/** Asks until the answer is the wanted one. */
async function until(isSo: () => Promise<boolean>, everyMs: number): Promise<void> {
  const end = Date.now() + GIVE_UP_MS;
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > end) throw new Error('syncthing did not finish');
    await sleep(everyMs);
  }
}

async function connected(near: Device, far: Device): Promise<void> {
  type Connections = { connections: Record<string, { connected: boolean }> };
  await until(async () => {
    const { connections } = await ask<Connections>(near, 'system/connections');
    return connections[far.id]?.connected === true;
  }, 100);
}

async function syncBoth(near: Device, far: Device): Promise<void> {
  const both = [near, far] as const;
  const status = (device: Device) => ask<FolderStatus>(device, 'db/status?folder=f');
  const { paused } = await ask<{ paused: boolean }>(near, 'config/folders/f');
  if (paused) {
    const body = JSON.stringify({ paused: false });
    for (const device of both)
      await ask(device, 'config/folders/f', { method: 'PATCH', body }).catch(() => undefined);
    const starting = ['', 'starting', 'scanning', 'scan-waiting'];
    await until(async () => {
      const states = await Promise.all(both.map(status));
      return states.every(({ state }) => !starting.includes(state));
    }, 20);
  }
  for (const device of both) await ask(device, 'db/scan?folder=f', { method: 'POST' });
  await until(async () => {
    const [one, other] = (await Promise.all(both.map(status))) as [FolderStatus, FolderStatus];
    const left = await Promise.all(
      both.map((device) => {
        const peer = device === near ? far : near;
        return ask<Completion>(device, `db/completion?folder=f&device=${peer.id}`);
      }),
    );
    const isIdle = [one, other].every(
      ({ state, needTotalItems, localFiles, globalFiles }) =>
        state === 'idle' && needTotalItems === 0 && localFiles === globalFiles,
    );
    return (
      isIdle &&
      one.globalFiles === other.globalFiles &&
      one.globalBytes === other.globalBytes &&
      one.globalDeleted === other.globalDeleted &&
      left.every(
        ({ needItems, needBytes, needDeletes }) => needItems + needBytes + needDeletes === 0,
      )
    );
  }, 25);
}
