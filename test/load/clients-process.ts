// Is several Ferry clients at once: makes a tree for each, waits until it is told to begin, and syncs them all.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareTrees, makeTree } from '../../bench/trees.ts';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { PASSWORD, userName } from './names.ts';

/** What this process is told to do. */
export interface ClientsTask {
  readonly work: string;
  readonly url: string;
  /** Served directory, to compare with. */
  readonly served: string;
  /** The users whose clients it is. */
  readonly users: readonly number[];
  readonly files: number;
}

/** What became of one client. */
export interface ClientResult {
  readonly user: string;
  readonly seconds: number;
  /** `equal`, or how the trees differ. */
  readonly compared: string;
  /** What the client said when something failed. */
  readonly failure: string | null;
}

const task = JSON.parse(process.argv[2] ?? '{}') as ClientsTask;

const clients = task.users.map((index) => {
  const user = userName(index);
  const folder = join(task.work, user);
  makeTree(join(folder, 'mine'), {
    files: task.files,
    directories: Math.max(2, Math.ceil((task.files * 6) / 100)),
    medianBytes: 300,
    meanBytes: 600,
    seed: index + 1,
  });
  mkdirSync(join(folder, 'home'));
  writeFileSync(join(folder, 'password'), PASSWORD, { mode: 0o600 });
  return { user, folder, ferry: ferryInProcess(join(folder, 'home'), folder) };
});

type Client = (typeof clients)[number];

async function syncOnce({ user, folder, ferry }: Client): Promise<ClientResult> {
  const begun = performance.now();
  const signIn = ['--user', user, '--password-file', join(folder, 'password')];
  const commands = [
    ['remote', 'add', 'server', task.url, ...signIn],
    ['pair', 'add', 'mine', 'server', '--name', 'p'],
    ['sync', 'p'],
  ];
  let failure: string | null = null;
  for (const command of commands) {
    const { code, stdout, stderr } = await ferry(...command);
    if (code !== 0) failure ??= `${command.join(' ')}: ${code}: ${stdout}${stderr}`.slice(0, 2000);
    if (failure !== null) break;
  }
  const seconds = (performance.now() - begun) / 1000;
  return { user, seconds, compared: '', failure };
}

function compared(client: Client, result: ClientResult): ClientResult {
  const own = join(client.folder, 'mine');
  return { ...result, compared: compareTrees(own, join(task.served, client.user)) };
}

process.send?.('ready');
process.once('message', async () => {
  const results = await Promise.all(clients.map(syncOnce));
  // Only now, as it keeps this process busy.
  process.send?.(clients.map((client, index) => compared(client, results[index] as ClientResult)));
  process.disconnect();
});
