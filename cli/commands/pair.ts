import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { KeepVersions } from '../../core/model/keep-versions.ts';
import { type Config, type PairConfig, name as pairName } from '../../daemon/config.ts';
import { updateConfig, withEntry } from '../../daemon/config-file.ts';
import { readDriveNote } from '../../daemon/drive-names.ts';
import { pairDirectory } from '../../daemon/home.ts';
import { parseRemote, splitCredentials } from '../../daemon/remote-address.ts';
import { isAutomatic, type Schedule } from '../../daemon/schedule.ts';
import { storeSecret } from '../../daemon/secrets.ts';
import { type Context, configOf, confirm, reloadDaemon, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatBytes, formatInterval, formatTable, printable } from '../format.ts';
import { pairNamed } from '../pair-access.ts';
import { type PairFlags, pairFrom, withFlags } from '../pair-flags.ts';
import { previewEdit, sayWhatIsNew } from './pair-preview.ts';

/** Returns the schedule in the words of its flags. */
export function describeSchedule(schedule: Schedule): string {
  const { everyMs, at, days, onStart, onExit, watch } = schedule;
  const parts = [
    everyMs === undefined ? '' : `every ${formatInterval(everyMs)}`,
    at.length === 0
      ? ''
      : `at ${at.join(', ')}${days.length === 0 ? '' : ` on ${days.join(', ')}`}`,
    onStart ? 'on start' : '',
    onExit ? 'on exit' : '',
    watch ? 'when something changes' : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'only when told to' : parts.join(', ');
}

function nameFor(context: Context, local: string, config: Config): string {
  const last = local.split(/[\\/]/).findLast((part) => part !== '') ?? 'pair';
  const stem = last.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'pair';
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? stem.slice(0, 60) : `${stem.slice(0, 60)}-${n}`;
    const isTaken = config.pairs.has(name) || config.drives.has(name);
    if (!isTaken && readDriveNote(context.home, name) === null) return name;
  }
}

function checkFree(context: Context, config: Config, name: string): void {
  pairName(name, '--name');
  const drive = readDriveNote(context.home, name);
  if (drive !== null && !config.drives.has(name))
    throw usage(
      `${name} keeps what the drive at ${drive.mountPoint} needs when it is mounted again: choose another name`,
    );
  if (config.pairs.has(name) || config.drives.has(name))
    throw usage(`${name} exists already: choose another name, or ferry pair edit ${name}`);
}

/**
 * Returns REMOTE as it is kept in the configuration: a path made absolute, a URL without its password, which is
 * stored with the secrets.
 */
export async function keepRemote(context: Context, config: Config, text: string): Promise<string> {
  const address = parseRemote(text, config, context.cwd);
  if (address.remote !== undefined) return text;
  if (address.kind === 'folder') {
    refuseMisspelt(text, address.absolutePath);
    return address.absolutePath;
  }
  const { url, credentials } = splitCredentials(text);
  if (credentials !== undefined) {
    context.terminal.note(
      'ferry: a password in a URL stays in the shell history: better ferry remote add NAME URL --user U --password-file F (it was taken out of the URL and kept in secrets.json)',
    );
    await storeSecret(context.home, address.secretKey, credentials);
  }
  return url;
}

/** A bare word is a remote's name or a folder that is there; a folder made for a slip of the pen would hide it. */
function refuseMisspelt(text: string, absolutePath: string): void {
  const [, word] = /^([A-Za-z0-9][A-Za-z0-9._-]*)(:.*)?$/.exec(text) ?? [];
  if (word === undefined || existsSync(absolutePath)) return;
  throw usage(
    `there is no remote named ${word}, and no folder ${text} here: see ferry remote list, or write ./${text} to make the folder`,
  );
}

async function sayWhetherDaemonRuns(context: Context, pair: PairConfig): Promise<void> {
  const isRunning = await reloadDaemon(context);
  if (!isRunning && isAutomatic(pair.schedule))
    context.terminal.note('ferry: this runs by itself once the daemon does: ferry daemon start');
}

function describe(context: Context, name: string, pair: PairConfig): void {
  const { terminal } = context;
  terminal.document({ name, ...pair });
  const rows = [
    ['name', name],
    ['local', pair.local],
    ['remote', pair.remote],
    ['direction', pair.direction + (pair.mirror ? ' (mirror)' : '')],
    ['runs', describeSchedule(pair.schedule)],
    ['deletes', pair.deletes],
    ['max delete', `${Math.round(pair.maxDeleteFraction * 100)}%`],
    ['ignore', pair.ignore.join(' ')],
    [
      'guard file',
      pair.guardFile === undefined
        ? ''
        : [pair.guardFile.path, pair.guardFile.pattern]
            .filter((part) => part !== undefined)
            .join('='),
    ],
    [
      'bandwidth',
      pair.bandwidthBytesPerS === undefined ? '' : `${formatBytes(pair.bandwidthBytesPerS)}/s`,
    ],
    ['keeps versions', describeKeeping(pair.keepVersions)],
    ['paused', pair.pause === undefined ? '' : 'yes'],
  ];
  terminal.text(printableTable(rows.filter(([, value]) => value !== '')));
}

function describeKeeping(keep: KeepVersions = {}): string {
  const { bytes, days, fraction } = keep;
  if (bytes === undefined && days === undefined && fraction === undefined) return '';
  const room =
    bytes !== undefined
      ? formatBytes(bytes)
      : fraction === undefined
        ? '10% of the room or 10 GiB'
        : `${Math.round(fraction * 100)}% of the room`;
  return `${days ?? 30} days, at most ${room}`;
}

function printableTable(rows: readonly (readonly string[])[]): string {
  return formatTable(rows.map((row) => row.map(printable)));
}

/** `ferry pair add LOCAL REMOTE`. */
export async function add(
  context: Context,
  args: readonly string[],
  flags: PairFlags & { readonly name?: string },
): Promise<number> {
  const [local = '', remoteText = ''] = args;
  const config = await configOf(context);
  const remote = await keepRemote(context, config, remoteText);
  const pair = pairFrom(local, remote, flags, context.cwd);
  const name = flags.name ?? nameFor(context, pair.local, config);
  checkFree(context, config, name);
  const [{ checkOutsideDrives, checkRootsApart }, { prepareRoots }] = await Promise.all([
    import('../../daemon/places.ts'),
    import('../../daemon/open-pair.ts'),
  ]);
  const address = parseRemote(remote, config, context.cwd);
  checkRootsApart(pair.local, address);
  checkOutsideDrives(pair, config, context.cwd);
  await prepareRoots(pair, address, true);
  await updateConfig(context.home, (before) => {
    checkFree(context, before, name);
    return { ...before, pairs: withEntry(before.pairs, name, pair) };
  });
  describe(context, name, pair);
  await sayWhetherDaemonRuns(context, pair);
  return EXIT.ok;
}

/** `ferry pair list`. */
export async function list(context: Context): Promise<number> {
  const { pairs } = await configOf(context);
  context.terminal.document([...pairs].map(([name, pair]) => ({ name, ...pair })));
  context.terminal.text(
    printableTable(
      [...pairs].map(([name, { local, remote, direction, schedule }]) => [
        name,
        direction,
        describeSchedule(schedule),
        local,
        remote,
      ]),
    ),
  );
  return EXIT.ok;
}

/** `ferry pair show N`. */
export async function show(context: Context, args: readonly string[]): Promise<number> {
  const [name = ''] = args;
  describe(context, name, pairNamed(await configOf(context), name));
  return EXIT.ok;
}

/** `ferry pair edit N`: changes what the flags say and nothing else. */
export async function edit(
  context: Context,
  args: readonly string[],
  flags: PairFlags & { readonly dryRun?: boolean },
): Promise<number> {
  const [name = ''] = args;
  const known = pairNamed(await configOf(context), name);
  if (flags.dryRun) return previewEdit(context, name, withFlags(known, flags));
  const config = await updateConfig(context.home, (before) => ({
    ...before,
    pairs: withEntry(before.pairs, name, withFlags(pairNamed(before, name), flags)),
  }));
  const pair = pairNamed(config, name);
  describe(context, name, pair);
  sayWhatIsNew(context, name, known, pair);
  await sayWhetherDaemonRuns(context, pair);
  return EXIT.ok;
}

/** `ferry pair copy N NEW`: the same settings under another name, with records of its own. */
export async function copy(
  context: Context,
  args: readonly string[],
  flags: PairFlags & { readonly local?: string; readonly remote?: string },
): Promise<number> {
  const [name = '', fresh = ''] = args;
  const config = await configOf(context);
  const before = pairNamed(config, name);
  const local = flags.local ?? before.local;
  const remote =
    flags.remote === undefined ? before.remote : await keepRemote(context, config, flags.remote);
  const pair = withFlags({ ...before, ...pairRoots(local, remote, context.cwd) }, flags);
  await updateConfig(context.home, (now) => {
    checkFree(context, now, fresh);
    return { ...now, pairs: withEntry(now.pairs, fresh, pair) };
  });
  describe(context, fresh, pair);
  await sayWhetherDaemonRuns(context, pair);
  return EXIT.ok;
}

function pairRoots(local: string, remote: string, cwd: string) {
  const { local: absolute } = pairFrom(local, remote, {}, cwd);
  return { local: absolute, remote };
}

/** `ferry pair remove N`: forgets the pair and its records; files on both sides stay. */
export async function remove(context: Context, args: readonly string[]): Promise<number> {
  const [name = ''] = args;
  pairNamed(await configOf(context), name);
  const question = `Forget the pair ${name} and its sync records (files on both sides stay)?`;
  if (context.terminal.stderr.isTTY && !(await confirm(context, question))) return EXIT.error;
  await updateConfig(context.home, (before) => ({
    ...before,
    pairs: withEntry(before.pairs, name, undefined),
  }));
  // The daemon lets go of the records first.
  await reloadDaemon(context);
  await rm(pairDirectory(context.home, name), { recursive: true, force: true });
  context.terminal.text(`removed the pair ${name}; the files on both sides stay as they are`);
  context.terminal.document({ removed: name });
  return EXIT.ok;
}
