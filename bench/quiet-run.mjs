// Measures runs that find nothing to do: Ferry against its companion server, beside peers on the same machine in the same run.
//   npm run bench -- [--files N] [--directories N] [--runs N] [--peers ferry,unison,rsyncd]
// Prints medians of wall time, CPU time and peak memory of the client, and ratios to Ferry's wall time. Only ratios
// within one run mean anything. Peers that are not installed are named and left out.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const FERRY = resolve('ferry');
const TIME = '/usr/bin/time';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    directories: { type: 'string', default: '600' },
    runs: { type: 'string', default: '5' },
    peers: { type: 'string', default: 'ferry,unison,rsyncd' },
  },
});
const count = { files: Number(values.files), directories: Number(values.directories) };
const work = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
const daemons = [];

function has(program) {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Files of about 100 bytes with times in the past, spread evenly over directories three levels deep. */
function makeTree(root) {
  const places = Array.from({ length: count.directories }, (_, index) =>
    join(root, `d${index % 10}`, `d${index % 97}`, `directory ${index}`),
  );
  for (const place of places) mkdirSync(place, { recursive: true });
  for (let index = 0; index < count.files; index++)
    writeFileSync(join(places[index % places.length], `file ${index}.txt`), `${index} `.repeat(20));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

function daemon(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  daemons.push(child);
  return child;
}

/** Each peer prepares its server for two equal trees and returns the command of one run. */
const PEERS = {
  ferry: {
    needs: [],
    async prepare({ local, remote, state }) {
      const port = await freePort();
      writeFileSync(join(state, 'password'), 'bench\n');
      const env = { FERRY_HOME: join(state, 'home') };
      const listen = ['--listen', `127.0.0.1:${port}`, '--no-tls'];
      const user = ['--user', 'bench', '--password-file', join(state, 'password')];
      daemon(FERRY, ['serve', remote, ...listen, ...user], { FERRY_HOME: join(state, 'server') });
      await sleep(2000);
      execFileSync(FERRY, ['remote', 'add', 'bench', `http://127.0.0.1:${port}/`, ...user], {
        env: { ...process.env, ...env },
        stdio: 'ignore',
      });
      const flags = ['--direction', 'local-to-remote', '--trust-times', '-q'];
      return { command: FERRY, args: ['sync', local, 'bench', ...flags], env };
    },
  },
  unison: {
    needs: ['unison'],
    async prepare({ local, remote, state }) {
      const port = await freePort();
      daemon('unison', ['-socket', `${port}`, '-listen', '127.0.0.1'], {
        UNISON: join(state, 's'),
      });
      await sleep(1000);
      const options = ['-batch', '-auto', '-times', '-silent', '-ui', 'text'];
      const args = [local, `socket://127.0.0.1:${port}/${remote}`, ...options];
      return { command: 'unison', args, env: { UNISON: join(state, 'c') } };
    },
  },
  rsyncd: {
    needs: ['rsync'],
    async prepare({ local, remote, state }) {
      const port = await freePort();
      const settings = `use chroot = no\nport = ${port}\naddress = 127.0.0.1\nlog file = ${state}/log\nuid = ${process.getuid()}\ngid = ${process.getgid()}\n[m]\npath = ${remote}\nread only = no\n`;
      writeFileSync(join(state, 'rsyncd.conf'), settings);
      daemon('rsync', ['--daemon', '--no-detach', `--config=${state}/rsyncd.conf`]);
      await sleep(1000);
      return {
        command: 'rsync',
        args: ['-a', '--delete', `${local}/`, `rsync://127.0.0.1:${port}/m/`],
        env: {},
      };
    },
  },
};

function measure({ command, args, env }) {
  const report = join(work, 'time');
  execFileSync(TIME, ['-f', '%e %U %S %M', '-o', report, command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [wall, user, system, kilobytes] = execFileSync('tail', ['-1', report], { encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
  return { wall, cpu: user + system, mib: kilobytes / 1024 };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function bench(name, source) {
  const place = join(work, name);
  const at = {
    local: join(place, 'local'),
    remote: join(place, 'remote'),
    state: join(place, 'state'),
  };
  mkdirSync(at.state, { recursive: true });
  for (const side of [at.local, at.remote])
    cpSync(source, side, { recursive: true, preserveTimestamps: true });
  const run = await PEERS[name].prepare(at);
  const first = measure(run);
  measure(run); // what a first run wrote is looked at once more
  const samples = Array.from({ length: Number(values.runs) }, () => measure(run));
  const of = (key) => median(samples.map((sample) => sample[key]));
  return { name, first: first.wall, wall: of('wall'), cpu: of('cpu'), mib: of('mib') };
}

try {
  const source = join(work, 'source');
  makeTree(source);
  console.log(
    `${count.files} files in ${count.directories} directories, no change, medians of ${values.runs} runs`,
  );
  const rows = [];
  for (const name of values.peers.split(',')) {
    const missing = [...(PEERS[name]?.needs ?? [name]), TIME].filter((program) => !has(program));
    if (missing.length > 0) console.log(`left out: ${name} (${missing.join(', ')} not found)`);
    else rows.push(await bench(name, source));
  }
  const ferry = rows.find(({ name }) => name === 'ferry')?.wall;
  console.log('peer     wall_s  cpu_s  client_MiB  first_s  ferry_is');
  for (const { name, wall, cpu, mib, first } of rows) {
    const ratio = ferry === undefined ? '' : `${(ferry / wall).toFixed(2)} x`;
    const figures = [wall.toFixed(2), cpu.toFixed(2), mib.toFixed(0), first.toFixed(2), ratio];
    console.log(name.padEnd(9), figures.map((text) => text.padEnd(8)).join(' '));
  }
} finally {
  for (const child of daemons) child.kill();
  rmSync(work, { recursive: true, force: true });
}
