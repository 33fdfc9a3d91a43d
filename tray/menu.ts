import type { ApiCommand, ApiDirection, ApiHeldPlan, ApiPair, ApiState } from '../daemon/api.ts';

/** What the icon says, the worst first; each is a shape of its own. */
export const ICON_STATES = [
  'error',
  'conflict',
  'signed-out',
  'offline',
  'paused',
  'syncing',
  'scanning',
  'ok',
] as const;

export type IconState = (typeof ICON_STATES)[number];

/** What a click does. */
export type MenuAction =
  | {
      readonly kind: 'command';
      readonly pairs: readonly string[];
      readonly command: ApiCommand;
      readonly body?: object;
    }
  | { readonly kind: 'open'; readonly absolutePath: string }
  | { readonly kind: 'quit' };

export interface MenuItem {
  /** Stable over changes of the state. */
  readonly id: string;
  readonly type: 'normal' | 'separator' | 'submenu' | 'radio';
  readonly label: string;
  readonly enabled: boolean;
  readonly checked?: boolean;
  readonly items?: readonly MenuItem[];
  readonly action?: MenuAction;
  /** To be asked, with yes and no, before the action. */
  readonly confirm?: string;
}

export interface TrayMenu {
  readonly icon: IconState;
  readonly tooltip: string;
  readonly items: readonly MenuItem[];
}

const DIRECTION_LABELS: Readonly<Record<ApiDirection, string>> = {
  'two-way': 'Two-way',
  'remote-to-local': 'Remote → local',
  'local-to-remote': 'Local → remote',
};

const DIRECTION_WARNINGS: Readonly<Record<ApiDirection, string>> = {
  'two-way':
    'Changes and deletions on either side will be carried over to the other one from the next run on.',
  'remote-to-local':
    'The remote side becomes the master: its changes and deletions will be made in the local folder, and local changes no longer reach it.',
  'local-to-remote':
    'The local folder becomes the master: its changes and deletions will be made on the remote side, and remote changes no longer arrive here.',
};

const OFFLINE_CODES: ReadonlySet<string> = new Set(['REMOTE_UNREACHABLE', 'REMOTE_RATE_LIMITED']);
const MAX_LABEL = 60;
const MINUTE_MS = 60_000;

/** Returns what one pair makes of the icon. */
export function iconStateOf(pair: ApiPair): IconState {
  const code = pair.lastError?.code;
  if (code === 'REMOTE_UNAUTHORIZED') return worst(['signed-out', conflictOf(pair)]);
  if (code !== undefined && OFFLINE_CODES.has(code)) return worst(['offline', conflictOf(pair)]);
  if (code !== undefined) return 'error';
  if (pair.conflicts > 0) return 'conflict';
  if (pair.paused) return 'paused';
  if (!pair.running) return 'ok';
  return pair.progress?.phase === 'transferring' ? 'syncing' : 'scanning';
}

function conflictOf(pair: ApiPair): IconState {
  return pair.conflicts > 0 ? 'conflict' : 'ok';
}

function worst(states: readonly IconState[]): IconState {
  return ICON_STATES.find((state) => states.includes(state)) ?? 'ok';
}

function short(text: string): string {
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return plain.length > MAX_LABEL ? `${plain.slice(0, MAX_LABEL - 1)}…` : plain;
}

function timeOfDay(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}`;
}

function sum(pairs: readonly ApiPair[], of: (pair: ApiPair) => number): number {
  return pairs.reduce((total, pair) => total + of(pair), 0);
}

function transferLine(pairs: readonly ApiPair[]): string {
  const running = pairs.filter((pair) => pair.progress?.phase === 'transferring');
  const done = sum(running, (pair) => pair.progress?.filesDone ?? 0);
  const total = sum(running, (pair) => pair.progress?.filesTotal ?? 0);
  return `Syncing · ${done} of ${total} files`;
}

function times(pairs: readonly ApiPair[]): string {
  const last = Math.max(...pairs.map((pair) => pair.lastRunAtMs ?? 0));
  const next = Math.min(...pairs.map((pair) => pair.nextRunAtMs ?? Number.POSITIVE_INFINITY));
  return [
    last > 0 ? ` · last ${timeOfDay(last)}` : '',
    Number.isFinite(next) ? ` · next ${timeOfDay(next)}` : '',
  ].join('');
}

function pausedLine(pairs: readonly ApiPair[]): string {
  const paused = pairs.filter((pair) => pair.paused);
  const until = paused.map((pair) => pair.pausedUntilMs ?? 0);
  const soonest = Math.min(...until.filter((each) => each > 0));
  const line = Number.isFinite(soonest) ? `Paused until ${timeOfDay(soonest)}` : 'Paused';
  if (paused.length === pairs.length) return line;
  const [only] = paused;
  return paused.length === 1
    ? `${only?.name}: ${line}`
    : `${paused.length} of ${pairs.length}: ${line}`;
}

function toUpload(pairs: readonly ApiPair[]): string {
  const waiting = sum(pairs, (pair) => pair.pendingUploads ?? 0);
  return waiting === 0 ? '' : `${waiting} ${waiting === 1 ? 'file' : 'files'} to upload`;
}

function idleLine(pairs: readonly ApiPair[]): string {
  if (pairs.length === 0) return 'No folders or drives yet';
  const waiting = toUpload(pairs);
  if (waiting !== '') return waiting;
  if (pairs.every((pair) => pair.inSync === 'in-sync')) return `Up to date${times(pairs)}`;
  const what = pairs.some((pair) => pair.inSync === 'pending')
    ? 'Changes are waiting'
    : 'Not checked yet';
  return `${what}${times(pairs)}`;
}

function statusLine(icon: IconState, pairs: readonly ApiPair[]): string {
  const failing = pairs.find((pair) => iconStateOf(pair) === icon);
  const conflicts = sum(pairs, (pair) => pair.conflicts);
  switch (icon) {
    case 'error':
      return `${failing?.name}: ${failing?.lastError?.message}`;
    case 'conflict':
      return `${conflicts} ${conflicts === 1 ? 'conflict needs' : 'conflicts need'} a decision`;
    case 'signed-out':
      return `${failing?.name}: sign-in needed`;
    case 'offline':
      return [`${failing?.name}: cannot be reached, trying again`, toUpload(pairs)]
        .filter((part) => part !== '')
        .join(' · ');
    case 'paused':
      return pausedLine(pairs);
    case 'syncing':
      return transferLine(pairs);
    case 'scanning':
      return 'Looking for changes';
    case 'ok':
      return idleLine(pairs);
  }
}

function command(
  id: string,
  label: string,
  pairs: readonly string[],
  name: ApiCommand,
  body?: object,
): MenuItem {
  const action: MenuAction = {
    kind: 'command',
    pairs,
    command: name,
    ...(body === undefined ? {} : { body }),
  };
  return { id, type: 'normal', label: short(label), enabled: pairs.length > 0, action };
}

function submenu(id: string, label: string, items: readonly MenuItem[]): MenuItem {
  return { id, type: 'submenu', label: short(label), enabled: items.length > 0, items };
}

function separator(id: string): MenuItem {
  return { id, type: 'separator', label: '', enabled: false };
}

function open(id: string, label: string, pair: ApiPair): MenuItem {
  return {
    id,
    type: 'normal',
    label: short(label),
    enabled: true,
    action: { kind: 'open', absolutePath: pair.local },
  };
}

function tomorrowMs(nowMs: number): number {
  const tomorrow = new Date(nowMs);
  tomorrow.setHours(24, 0, 0, 0);
  return tomorrow.getTime();
}

function pauseItem(pairs: readonly ApiPair[], nowMs: number): MenuItem {
  const names = pairs.map(({ name }) => name);
  const paused = pairs.filter((pair) => pair.paused).map(({ name }) => name);
  if (paused.length > 0) return command('resume', 'Resume', paused, 'resume');
  const lasting = (minutes: number) => ({ forMs: minutes * MINUTE_MS });
  const choices = [
    command('pause.30m', 'For 30 minutes', names, 'pause', lasting(30)),
    command('pause.2h', 'For 2 hours', names, 'pause', lasting(120)),
    command('pause.tomorrow', 'Until tomorrow', names, 'pause', { untilMs: tomorrowMs(nowMs) }),
    command('pause.on', 'Until I resume', names, 'pause'),
  ];
  return submenu('pause', 'Pause', pairs.length === 0 ? [] : choices);
}

function syncItem(pairs: readonly ApiPair[]): MenuItem {
  const running = pairs.filter((pair) => pair.running).map(({ name }) => name);
  if (running.length > 0) return command('cancel', 'Cancel', running, 'cancel');
  return command(
    'sync',
    'Sync now',
    pairs.map(({ name }) => name),
    'sync',
  );
}

/** Returns what guards count of held plans: `44 deletions`. */
function heldCounts(pairs: readonly ApiPair[]): string {
  const counted = (one: string, many: string, of: (plan: ApiHeldPlan) => number): string => {
    const total = sum(pairs, ({ heldPlan }) => (heldPlan === undefined ? 0 : of(heldPlan)));
    return total === 0 ? '' : `${total} ${total === 1 ? one : many}`;
  };
  return [
    counted('deletion', 'deletions', ({ deletions }) => deletions),
    counted('replaced file', 'replaced files', ({ replacements }) => replacements),
    counted('conflict', 'conflicts', ({ conflicts }) => conflicts),
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** The clicks that let a plan through which a guard has stopped, after it was said what it does, or forget it. */
function heldItems(pairs: readonly ApiPair[]): readonly MenuItem[] {
  const held = pairs.filter(({ heldPlan }) => heldPlan !== undefined);
  if (held.length === 0) return [];
  const items = held.flatMap((pair) => {
    const what = pair.heldPlan?.message.split(/ Nothing (?:more )?was changed\./, 1)[0];
    return [
      {
        ...command(`release.${pair.name}`, `Do it once: ${pair.name}…`, [pair.name], 'sync', {
          release: true,
        }),
        confirm: `${pair.name}: ${what}\n${heldCounts([pair])}. Do exactly this, once?`,
      },
      command(`drop-plan.${pair.name}`, `Forget it: ${pair.name}`, [pair.name], 'drop-plan'),
    ];
  });
  const plans = `${held.length} held ${held.length === 1 ? 'plan' : 'plans'}`;
  return [submenu('held', `${plans}: ${heldCounts(held)}`, items)];
}

function openItems(pairs: readonly ApiPair[]): readonly MenuItem[] {
  const drives = pairs.filter(({ kind }) => kind === 'drive');
  const folders = pairs.filter(({ kind }) => kind === 'folder');
  const [only] = drives;
  const drive =
    drives.length === 1 && only !== undefined
      ? [open(`open.${only.name}`, 'Open drive', only)]
      : drives.length === 0
        ? []
        : [
            submenu(
              'open-drive',
              'Open drive',
              drives.map((pair) => open(`open.${pair.name}`, pair.name, pair)),
            ),
          ];
  const folder = folders.map((pair) => open(`open.${pair.name}`, pair.name, pair));
  return [
    ...drive,
    ...(folder.length === 0 ? [] : [submenu('open-folder', 'Open folder', folder)]),
  ];
}

/** One line for each pair that has some; nothing where no pair has. */
function attention(
  id: 'conflicts' | 'problems',
  word: string,
  pairs: readonly ApiPair[],
): readonly MenuItem[] {
  const total = sum(pairs, (pair) => pair[id]);
  if (total === 0) return [];
  const lines = pairs
    .filter((pair) => pair[id] > 0)
    .map((pair) => open(`${id}.${pair.name}`, `${pair.name}: ${pair[id]}`, pair));
  return [submenu(id, `${word} (${total})…`, lines)];
}

function directionItem(pair: ApiPair): MenuItem {
  const choices = (Object.keys(DIRECTION_LABELS) as ApiDirection[]).map((direction): MenuItem => {
    const id = `direction.${pair.name}.${direction}`;
    const isCurrent = direction === pair.direction;
    return {
      ...command(id, DIRECTION_LABELS[direction], [pair.name], 'direction', { direction }),
      type: 'radio',
      checked: isCurrent,
      ...(isCurrent
        ? {}
        : {
            confirm: `${pair.name}: ${DIRECTION_LABELS[direction]}?\n${DIRECTION_WARNINGS[direction]}`,
          }),
    };
  });
  return submenu(`direction.${pair.name}`, pair.name, choices);
}

function resetItem(pair: ApiPair): MenuItem {
  return {
    ...command(`reset.${pair.name}`, pair.name, [pair.name], 'reset'),
    confirm: `Reset ${pair.name}?\nThe sync records are cleared and everything is transferred again (${pair.recordedEntries} entries are recorded). Files that were deleted may come back; nothing is deleted.`,
  };
}

/**
 * Returns the tray's whole menu for a state of the daemon; null: the daemon does not answer.
 * Pure: the same state and time give the same menu.
 */
export function trayMenu(state: ApiState | null, nowMs: number): TrayMenu {
  const quit: MenuItem = {
    id: 'quit',
    type: 'normal',
    label: 'Quit (the daemon keeps running)',
    enabled: true,
    action: { kind: 'quit' },
  };
  if (state === null) {
    const label = 'The daemon is not running: ferry daemon start';
    const line: MenuItem = { id: 'status', type: 'normal', label, enabled: false };
    return { icon: 'offline', tooltip: `Ferry: ${label}`, items: [line, separator('end'), quit] };
  }
  const { pairs } = state;
  const icon = worst(pairs.map(iconStateOf));
  const line = short(statusLine(icon, pairs));
  return {
    icon,
    tooltip: `Ferry: ${line}`,
    items: [
      { id: 'status', type: 'normal', label: line, enabled: false },
      ...heldItems(pairs),
      syncItem(pairs),
      pauseItem(pairs, nowMs),
      separator('places'),
      ...openItems(pairs),
      ...attention('conflicts', 'Conflicts', pairs),
      ...attention('problems', 'Problems', pairs),
      ...(pairs.length === 0 ? [] : [separator('settings')]),
      submenu('direction', 'Direction', pairs.map(directionItem)),
      submenu('reset', 'Reset sync…', pairs.map(resetItem)),
      quit,
    ],
  };
}
