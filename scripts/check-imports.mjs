// Runs dependency-cruiser over the layers, and fails when it saw no module at all: without its compiler it reports success.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const folders = [
  'core',
  'daemon',
  'fs-adapter',
  'native',
  'protocol',
  'remotes',
  'cli',
  'server',
  'tray',
  'test',
  'bench',
];
const { stdout, stderr, status } = spawnSync(
  'node_modules/.bin/depcruise',
  ['--config', '.dependency-cruiser.cjs', ...folders.filter((folder) => existsSync(folder))],
  { encoding: 'utf8' },
);
process.stdout.write(stdout);
process.stderr.write(stderr);
const sawNothing = stdout.includes('(0 modules');
if (sawNothing) console.error('check-imports: dependency-cruiser read no module');
process.exit(sawNothing ? 1 : (status ?? 1));
