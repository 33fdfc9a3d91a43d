import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FerryError } from '../../core/model/errors.ts';
import type { Context } from '../context.ts';
import { makeSampleTree } from '../demo/sample-tree.ts';
import { Stage } from '../demo/stage.ts';
import { EXIT } from '../exit-codes.ts';
import { formatBytes } from '../format.ts';

export type DemoFlags = { readonly keep?: boolean };

const APPEAR_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

interface Scene {
  readonly context: Context;
  readonly stage: Stage;
  readonly base: string;
  readonly at: (name: string) => string;
}

/** `ferry demo`: server, drive and synced folder in a temporary directory, shown step by step. */
export async function run(
  context: Context,
  _args: readonly string[],
  flags: DemoFlags,
): Promise<number> {
  const startedAtMs = Date.now();
  const base = await mkdtemp(join(tmpdir(), 'ferry-demo-'));
  const stage = new Stage(context, base, join(base, 'home'));
  const scene: Scene = { context, stage, base, at: (name) => join(base, name) };
  let isKept = false;
  try {
    await play(scene);
    context.terminal.text(
      `\nEverything above was real and took ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s.`,
    );
    if (flags.keep) {
      isKept = true;
      stage.letGo();
      sayHowToStop(scene);
    }
  } finally {
    if (!isKept) await cleanUp(scene);
  }
  return EXIT.ok;
}

async function play(scene: Scene): Promise<void> {
  await startServer(scene);
  await showDrive(scene);
  await syncFolder(scene);
  await carryChanges(scene);
  await makeConflict(scene);
  await resetPair(scene);
  await showNumbers(scene);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 8443;
}

async function startServer({ stage, at }: Scene): Promise<void> {
  stage.title('A server with a tree of files');
  const made = await makeSampleTree(at('server'));
  await writeFile(at('password'), 'on time\n', { mode: 0o600 });
  stage.say(`${made.files} files, ${formatBytes(made.bytes)}, in server/`);
  const listen = `127.0.0.1:${await freePort()}`;
  const args = ['serve', 'server', '--listen', listen, '--no-tls', '--user', 'demo'];
  const secret = ['--password-file', 'password'];
  const command = [...args, ...secret];
  const server = await stage.ferryInBackground(command, `ferry ${command.join(' ')}`);
  await writeFile(at('server.pid'), `${server.pid}\n`);
  await stage.ferry(['remote', 'add', 'harbour', `http://${listen}/`, '--user', 'demo', ...secret]);
}

async function showDrive({ stage }: Scene): Promise<void> {
  stage.title('The whole tree as a drive; content comes when it is opened');
  await mkdir(join(stage.directory, 'drive'));
  await stage.ferry(['mount', 'harbour', 'drive']);
  await stage.shell('ls -l drive drive/Documents/Reports');
  await stage.shell('find drive -type f | wc -l; du -sh --apparent-size drive');
  await stage.shell('cat drive/Documents/Letter.txt');
}

async function syncFolder({ stage }: Scene): Promise<void> {
  stage.title('A folder that is kept in step, two-way');
  await stage.ferry([
    'pair',
    'add',
    'folder',
    'harbour',
    '--name',
    'folder',
    '--direction',
    'two-way',
  ]);
  await stage.ferry(['sync', 'folder']);
  await stage.shell('diff -r --exclude=.ferry folder server && echo "folder and server are equal"');
  await stage.ferry(['sync', 'folder']);
}

async function carryChanges({ stage, at }: Scene): Promise<void> {
  stage.title('A change travels each way');
  await stage.shell('echo "written in the folder" > folder/Documents/From-here.txt');
  await stage.shell('echo "written on the server" > server/Documents/From-there.txt');
  await stage.ferry(['sync', 'folder']);
  await stage.shell('cat server/Documents/From-here.txt folder/Documents/From-there.txt');
  await stage.shell('echo "written on the drive" > drive/Documents/From-the-drive.txt');
  await appears(at('server/Documents/From-the-drive.txt'));
  await stage.shell('cat server/Documents/From-the-drive.txt');
}

async function makeConflict({ stage, at }: Scene): Promise<void> {
  stage.title('Both sides change one file: both versions are kept');
  await appendFile(at('folder/Documents/Letter.txt'), 'PS: from the folder\n');
  await appendFile(at('server/Documents/Letter.txt'), 'PS: from the server\n');
  await stage.ferry(['sync', 'folder'], [0, EXIT.conflicts]);
  await stage.shell('ls folder/Documents');
  await stage.ferry(['conflicts'], [0, EXIT.conflicts]);
  await stage.shell('tail -n 1 folder/Documents/Letter*');
}

async function resetPair({ stage, at }: Scene): Promise<void> {
  stage.title('Starting over: reset transfers everything again and deletes nothing');
  await rm(at('folder/Welcome.md'));
  await stage.ferry(['reset', 'folder', '--yes'], [0, EXIT.conflicts]);
  await stage.shell('ls folder');
}

async function showNumbers({ stage, at }: Scene): Promise<void> {
  stage.title('The numbers');
  await stage.ferry(['status'], [0, EXIT.conflicts]);
  const names = await readdir(at('server'), { recursive: true });
  stage.say(`${names.filter((name) => !name.startsWith('.ferry')).length} entries on the server`);
}

/** Waits until a file is there and has content. */
async function appears(absolutePath: string): Promise<void> {
  const deadline = Date.now() + APPEAR_TIMEOUT_MS;
  for (;;) {
    const found = await stat(absolutePath).catch(() => null);
    if (found && found.size > 0) return;
    if (Date.now() > deadline)
      throw new FerryError('INTERNAL', 'the change did not arrive; see the log', {
        path: absolutePath,
      });
    await sleep(POLL_MS);
  }
}

function sayHowToStop({ context, base }: Scene): void {
  const home = `FERRY_HOME=${join(base, 'home')}`;
  context.terminal.text(
    [
      '',
      `It goes on running. Open ${join(base, 'drive')} or ${join(base, 'folder')} in your file manager, and look`,
      `at what arrives in ${join(base, 'server')}. Then stop it with:`,
      `  ${home} ./ferry unmount ${join(base, 'drive')}`,
      `  ${home} ./ferry daemon stop`,
      `  kill $(cat ${join(base, 'server.pid')})`,
      `  rm -r ${base}`,
    ].join('\n'),
  );
}

async function cleanUp({ context, stage, base, at }: Scene): Promise<void> {
  const mounted = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const quietly = async (args: readonly string[]): Promise<void> => {
    await stage.quietFerry(args).catch((error: unknown) => context.terminal.note(String(error)));
  };
  if (mounted.includes(at('drive'))) await quietly(['unmount', 'drive']);
  await quietly(['daemon', 'stop']);
  await stage.close();
  await rm(base, { recursive: true, force: true, maxRetries: 3 });
  context.terminal.text(`Cleaned up: ${base} is gone again.`);
}
