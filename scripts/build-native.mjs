// Builds native/ into build/Release; without a compiler it only warns, as native/index.ts falls back to JavaScript.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const prefix = dirname(dirname(process.execPath));
const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const nodeGyp = process.env.npm_config_node_gyp ?? 'node-gyp';
const run = nodeGyp.endsWith('.js') ? [process.execPath, nodeGyp] : [nodeGyp];
const { status } = spawnSync(run[0], [...run.slice(1), 'rebuild', '--silent', ...headers], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (status !== 0)
  console.warn('ferry: the native addon was not built; the slower JavaScript path will be used.');
