import { mkdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FerryError } from '../../core/model/errors.ts';
import { makeStateDirectory, writeFileAtomically } from '../../daemon/atomic-file.ts';
import { type Context, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type SystemService, serveUnit } from '../systemd-unit.ts';
import type { ServeFlags } from './serve-flags.ts';

/** Flags whose values are paths: a service has no working directory to take them from. */
const PATH_FLAGS = ['passwordFile', 'access', 'accessLog', 'tlsCert', 'tlsKey'] as const;
const PRIVILEGED_PORTS = 1024;

interface Place {
  readonly name: string;
  readonly unitFile: string;
}

/** Returns where the unit of a served directory is. */
function placeOf(context: Context, directory: string, flags: ServeFlags): Place {
  const { HOME = homedir(), XDG_CONFIG_HOME } = context.environment;
  const slug = basename(directory).replace(/[^\w.-]+/g, '-') || 'root';
  const name = `ferry-serve-${slug}`;
  const folder =
    flags.system === true
      ? '/etc/systemd/system'
      : join(XDG_CONFIG_HOME || join(HOME, '.config'), 'systemd/user');
  return { name, unitFile: join(folder, `${name}.service`) };
}

/** Returns the arguments that start the same server again, from any directory. */
function argumentsOf(context: Context, directory: string, flags: ServeFlags): readonly string[] {
  const { installService: _, system: __, uninstallService: ___, ...kept } = flags;
  const words = Object.entries(kept).flatMap(([key, value]) => {
    const flag = `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) return [flag];
    if (value === false) return [`--no-${flag.slice(2)}`];
    if (typeof value !== 'string') return [];
    const isPath = (PATH_FLAGS as readonly string[]).includes(key) && value !== '-';
    return [flag, isPath ? resolve(context.cwd, value) : value];
  });
  const config = context.configFile === undefined ? [] : ['--config', context.configFile];
  return [...config, 'serve', ...words, directory];
}

async function systemServiceOf(directory: string, name: string): Promise<SystemService> {
  const { uid, gid } = await stat(directory);
  return { uid, gid, stateName: name };
}

/** `ferry serve DIR … --install-service`: writes the unit and says what starts it. */
export async function installService(
  context: Context,
  directory: string,
  flags: ServeFlags,
): Promise<number> {
  if (process.platform !== 'linux') throw usage('--install-service: systemd is on Linux only');
  if (flags.accessLog === '-') throw usage('--access-log: a service needs a file');
  const place = placeOf(context, directory, flags);
  const system = flags.system === true ? await systemServiceOf(directory, place.name) : null;
  const stateDirectory =
    system === null ? context.home.stateDirectory : `/var/lib/${system.stateName}`;
  const { FERRY_HOME } = context.environment;
  const home = system === null ? FERRY_HOME || undefined : stateDirectory;
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const listenPort = Number(/:(\d+)$/.exec(flags.listen ?? '')?.[1] ?? 8443);
  const unit = serveUnit({
    directory,
    command: [process.execPath, main, ...argumentsOf(context, directory, flags)],
    stateDirectory,
    home: home === undefined ? undefined : resolve(context.cwd, home),
    writes: [flags.access, flags.accessLog].flatMap((file) =>
      file === undefined ? [] : [dirname(resolve(context.cwd, file))],
    ),
    system,
    readOnly: flags.readOnly === true,
    reloads: flags.accessLog !== undefined,
    needsLowPort: listenPort > 0 && listenPort < PRIVILEGED_PORTS,
  });
  // What ReadWritePaths names has to be there when the service starts.
  if (system === null) await makeStateDirectory(join(stateDirectory, 'server'));
  await writeUnit(place.unitFile, unit);
  const { terminal } = context;
  terminal.text(`wrote ${place.unitFile}\nto start it now and with the machine:`);
  const commands = startCommands(place.name, system);
  for (const command of commands) terminal.text(`  ${command}`);
  if (system !== null) terminal.text(systemHint(system, stateDirectory));
  if (system?.uid === 0)
    terminal.note(`ferry: ${directory} belongs to root, and so the server would run as root`);
  terminal.document({ unit: place.unitFile, service: place.name, commands });
  return EXIT.ok;
}

function startCommands(name: string, system: SystemService | null): readonly string[] {
  if (system !== null)
    return ['sudo systemctl daemon-reload', `sudo systemctl enable --now ${name}.service`];
  return [
    'systemctl --user daemon-reload',
    `systemctl --user enable --now ${name}.service`,
    'loginctl enable-linger',
  ];
}

function systemHint({ uid }: SystemService, stateDirectory: string): string {
  return `its users are kept in ${stateDirectory}:\n  sudo -u '#${uid}' env FERRY_HOME=${stateDirectory} ferry serve users add NAME --password-file F`;
}

async function writeUnit(unitFile: string, unit: string): Promise<void> {
  try {
    await mkdir(dirname(unitFile), { recursive: true });
    await writeFileAtomically(unitFile, unit, 0o644);
  } catch (cause) {
    throw new FerryError(
      'LOCAL_PERMISSION',
      'the unit cannot be written: a service of the machine (--system) needs sudo',
      { path: unitFile, cause },
    );
  }
}

/** `ferry serve DIR --uninstall-service`: removes the unit; everything else stays. */
export async function uninstallService(
  context: Context,
  directory: string,
  flags: ServeFlags,
): Promise<number> {
  const { name, unitFile } = placeOf(context, directory, flags);
  if ((await stat(unitFile).catch(() => null)) === null)
    throw usage(`there is no service of this folder: ${unitFile} does not exist`);
  await rm(unitFile);
  const control = flags.system === true ? 'sudo systemctl' : 'systemctl --user';
  const commands = [`${control} disable --now ${name}.service`, `${control} daemon-reload`];
  context.terminal.text(`removed ${unitFile}\nto end it now, where it runs:`);
  for (const command of commands) context.terminal.text(`  ${command}`);
  context.terminal.document({ removed: unitFile, service: name, commands });
  return EXIT.ok;
}
