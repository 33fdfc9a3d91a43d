import type { Pause } from '../../daemon/config.ts';
import { updateConfig } from '../../daemon/config-file.ts';
import { parseDuration } from '../../daemon/units.ts';
import { type Context, configOf, daemonOf, requireDaemon, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTime } from '../format.ts';

async function knownNames(context: Context, args: readonly string[]): Promise<readonly string[]> {
  const { pairs, drives } = await configOf(context);
  const all = [...pairs.keys(), ...drives.keys()];
  const unknown = args.find((name) => !all.includes(name));
  if (unknown !== undefined) throw usage(`there is no pair named ${unknown}: ferry pair list`);
  return args.length === 0 ? all : args;
}

/** `ferry cancel N`: ends the run that the daemon is doing. */
export async function cancel(context: Context, args: readonly string[]): Promise<number> {
  const client = await requireDaemon(context);
  const names = await knownNames(context, args);
  for (const name of names) await client.command(name, 'cancel');
  context.terminal.text(`cancelled ${names.join(', ')}`);
  context.terminal.document({ cancelled: names });
  return EXIT.ok;
}

async function setPause(
  context: Context,
  names: readonly string[],
  pause: Pause | undefined,
): Promise<void> {
  const client = await daemonOf(context);
  if (client === null) {
    const { withChange } = await import('../../daemon/config-change.ts');
    await updateConfig(context.home, (config) =>
      names.reduce((changed, name) => withChange(changed, name, { pause }), config),
    );
    return;
  }
  await client.reload();
  for (const name of names)
    await client.command(
      name,
      pause === undefined ? 'resume' : 'pause',
      pause?.untilMs == null ? {} : { untilMs: pause.untilMs },
    );
}

/** `ferry pause [N] [--for 2h]`: lets automatic runs rest. */
export async function pause(
  context: Context,
  args: readonly string[],
  flags: { readonly for?: string },
): Promise<number> {
  const now = Date.now();
  const untilMs = flags.for === undefined ? null : now + parseDuration(flags.for, '--for');
  const names = await knownNames(context, args);
  await setPause(context, names, { untilMs });
  const until = untilMs === null ? 'until ferry resume' : `until ${formatTime(untilMs, now)}`;
  context.terminal.text(`paused ${names.join(', ')} ${until}`);
  context.terminal.document({ paused: names, untilMs });
  return EXIT.ok;
}

/** `ferry resume [N]`. */
export async function resume(context: Context, args: readonly string[]): Promise<number> {
  const names = await knownNames(context, args);
  await setPause(context, names, undefined);
  context.terminal.text(`resumed ${names.join(', ')}`);
  context.terminal.document({ resumed: names });
  return EXIT.ok;
}
