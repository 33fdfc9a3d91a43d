import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForPort } from '../processes.ts';
import type { Peer, Place } from './peer.ts';

async function startDaemon({ remote, state, port, servers }: Place): Promise<void> {
  const file = join(state, 'rsyncd.conf');
  const own = `uid = ${process.getuid?.()}\ngid = ${process.getgid?.()}`;
  const settings = `use chroot = no\nport = ${port}\naddress = 127.0.0.1\nlog file = ${state}/rsyncd.log\n${own}\n[m]\npath = ${remote}\nread only = no\n`;
  writeFileSync(file, settings);
  servers.start({ command: 'rsync', args: ['--daemon', '--no-detach', `--config=${file}`] });
  await waitForPort(port);
}

/** The rsync daemon. It syncs nothing to the disk, and keeps no records: it looks at both trees in each run. */
export const rsyncDaemon: Peer = {
  name: 'rsyncd',
  needs: ['rsync'],
  abilities: ['tree', 'big', 'delta', 'rename', 'far'],
  async prepare(place) {
    await startDaemon(place);
    const [here, there] = [`${place.local}/`, `rsync://127.0.0.1:${place.clientPort}/m/`];
    return {
      once: (way) => ({
        command: 'rsync',
        args: ['-a', '--delete', ...(way === 'down' ? [there, here] : [here, there])],
      }),
    };
  },
};

/** lsyncd in front of an rsync daemon, without any delay: local edits to the server only. */
export const lsyncd: Peer = {
  name: 'lsyncd',
  needs: ['lsyncd', 'rsync'],
  abilities: ['watch'],
  async prepare(place) {
    await startDaemon(place);
    const { local, state, clientPort, clients } = place;
    const target = `rsync://127.0.0.1:${clientPort}/m/`;
    return {
      once: () => ({ command: 'rsync', args: ['-a', '--delete', `${local}/`, target] }),
      async watch() {
        const file = join(state, 'lsyncd.lua');
        const places = `source = "${local}", target = "${target}"`;
        writeFileSync(
          file,
          `settings { nodaemon = true, logfile = "${state}/lsyncd.log" }\nsync { default.rsync, ${places}, delay = 0, rsync = { archive = true } }\n`,
        );
        clients.start({ command: 'lsyncd', args: ['-nodaemon', file] });
        await sleep(3000);
      },
    };
  },
};
