import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runProgram } from '../../cli/program.ts';
import { type ServeService, serveUnit } from '../../cli/systemd-unit.ts';
import { type FerryProcess, startFerry } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-service');
  at = (name) => join(folder.path, name);
  await mkdir(at('my files'));
});
afterEach(() => folder.close());

async function ferry(...argv: readonly string[]) {
  let stdout = '';
  let stderr = '';
  const code = await runProgram({
    argv,
    environment: { FERRY_HOME: at('home'), XDG_CONFIG_HOME: at('config') },
    cwd: folder.path,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    version: '0',
    signal: new AbortController().signal,
  });
  return { code, stdout, stderr };
}

/** Lets systemd read a unit, where there is a systemd; says so where there is none. */
async function verify(unitFile: string, ...flags: readonly string[]): Promise<void> {
  try {
    await run('systemd-analyze', ['--version']);
  } catch {
    process.stderr.write('not verified by systemd-analyze: it is not installed\n');
    return;
  }
  // It also reads units of the machine, whose faults are not ours; ours are named by file.
  const { stdout, stderr } = await run('systemd-analyze', [...flags, 'verify', unitFile]).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  const name = unitFile.slice(unitFile.lastIndexOf('/') + 1);
  expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes(name))).toEqual([]);
}

const SERVICE: ServeService = {
  directory: '/srv/a "b" 100% $HOME',
  command: ['/usr/bin/true', 'serve', '/srv/a "b" 100% $HOME', '--listen', '0.0.0.0:443'],
  stateDirectory: '/var/lib/ferry-serve-x',
  home: '/var/lib/ferry-serve-x',
  writes: ['/var/log/ferry'],
  system: { uid: 1000, gid: 1000, stateName: 'ferry-serve-x' },
  readOnly: false,
  reloads: true,
  needsLowPort: true,
};

describe('a service unit', () => {
  it('of the machine runs as the owner of the files, may write only where it must, and needs no root', async () => {
    const unit = serveUnit(SERVICE);
    const lines = unit.split('\n');
    for (const line of [
      'User=1000',
      'StateDirectory=ferry-serve-x',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
      'ReadWritePaths="/srv/a \\"b\\" 100%% $HOME"',
      'ReadWritePaths=/var/log/ferry',
      'ExecReload=/bin/kill -HUP $MAINPID',
      'ExecStart=/usr/bin/true serve "/srv/a \\"b\\" 100%% $$HOME" --listen 0.0.0.0:443',
    ])
      expect(lines).toContain(line);
    expect(unit).toMatch(/# DynamicUser cannot be used: .*owner/);
    await writeFile(at('ferry-serve-x.service'), unit);
    await verify(at('ferry-serve-x.service'));
  });

  it('of a read-only server cannot write what it serves', () => {
    const unit = serveUnit({ ...SERVICE, readOnly: true, needsLowPort: false });
    expect(unit).not.toContain('ReadWritePaths="/srv');
    expect(unit.split('\n')).toContain('CapabilityBoundingSet=');
  });
});

describe('ferry serve --install-service', () => {
  it('writes a unit that starts this very server, says how to start it, and removes it again', async () => {
    const flags = ['--listen', '127.0.0.1:9000', '--access-log', 'log/access.log', '--read-only'];
    await mkdir(at('log'));
    const installed = await ferry('serve', 'my files', ...flags, '--install-service', '--json');
    expect(installed.code).toBe(0);
    const { unit, commands } = JSON.parse(installed.stdout);
    expect(unit).toBe(at('config/systemd/user/ferry-serve-my-files.service'));
    expect(commands).toContain('systemctl --user enable --now ferry-serve-my-files.service');
    const text = await readFile(unit, 'utf8');
    const command = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? '';
    expect(command).toContain(
      `serve --listen 127.0.0.1:9000 --access-log ${at('log/access.log')} --read-only`,
    );
    expect(command).toContain(`"${at('my files')}"`);
    expect(command).not.toContain('install-service');
    expect(text).toContain(`Environment=FERRY_HOME=${at('home')}`);
    expect(text).toContain(`ReadWritePaths=${at('log')}`);
    expect(text).not.toMatch(/^User=/m);
    await verify(unit, '--user');
    expect((await ferry('serve', 'my files', '--uninstall-service')).code).toBe(0);
    await expect(stat(unit)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await ferry('serve', 'my files', '--uninstall-service')).code).toBe(2);
  });

  it('refuses what a service could not do', async () => {
    expect((await ferry('serve', 'none', '--install-service')).code).toBe(3);
    const toTerminal = ['--access-log', '-', '--install-service'];
    expect((await ferry('serve', 'my files', ...toTerminal)).code).toBe(2);
    expect((await ferry('serve', 'my files', '--metrics', 'x', '--install-service')).code).toBe(2);
  });
});

describe('a server that runs', () => {
  let server: FerryProcess | null = null;
  afterEach(async () => {
    server?.child.kill('SIGKILL');
    await server?.result;
  });

  it('writes its access log anew after SIGHUP, offers metrics, and ends cleanly with SIGTERM', async () => {
    const log = at('access.log');
    server = startFerry(at('home'), [
      ...['serve', at('my files'), '--listen', '127.0.0.1:0', '--no-tls'],
      ...['--access-log', log, '--metrics', '127.0.0.1:0'],
    ]);
    const url = (await server.line(/^serving /)).split(' ').at(-1) ?? '';
    const metrics = (await server.line(/^metrics at /)).split(' ').at(-1) ?? '';
    await fetch(`${url}one`);
    expect(await (await fetch(metrics)).text()).toContain(
      'ferry_requests_total{method="GET",status="404"} 1',
    );
    await rename(log, `${log}.1`);
    server.child.kill('SIGHUP');
    for (let tries = 0; tries < 100 && (await stat(log).catch(() => null)) === null; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await fetch(`${url}two`);
    server.child.kill('SIGTERM');
    expect((await server.result).code).toBe(0);
    server = null;
    expect(JSON.parse(await readFile(`${log}.1`, 'utf8'))).toMatchObject({
      path: 'one',
      status: 404,
    });
    expect(JSON.parse(await readFile(log, 'utf8'))).toMatchObject({ path: 'two', status: 404 });
  });
});
