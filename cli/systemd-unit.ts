/** What a service of `ferry serve` is made of; all paths are absolute. */
export interface ServeService {
  readonly directory: string;
  /** The program and all its arguments. */
  readonly command: readonly string[];
  /** Ferry's own folder, where the certificate and the access file are kept. */
  readonly stateDirectory: string;
  /** Set when FERRY_HOME has to be. */
  readonly home: string | undefined;
  /** Further directories that it writes to, such as that of the access log. */
  readonly writes: readonly string[];
  /** Null: a service of the user's own. */
  readonly system: SystemService | null;
  readonly readOnly: boolean;
  /** It has an access log, which SIGHUP opens anew. */
  readonly reloads: boolean;
  readonly needsLowPort: boolean;
}

/** What only a service of the whole machine has. */
export interface SystemService {
  readonly uid: number;
  readonly gid: number;
  /** Name of the state directory in /var/lib, which systemd makes for that user. */
  readonly stateName: string;
}

/** Returns the unit file, hardened as far as a Node program that writes files of a certain owner can be. */
export function serveUnit(service: ServeService): string {
  const { system } = service;
  const description = `Ferry serving ${service.directory}`.replaceAll('%', '%%');
  return [
    '# Written by ferry serve --install-service; changes are kept until it is installed again.',
    '[Unit]',
    `Description=${description}`,
    'Documentation=man:systemd.exec(5)',
    ...(system === null ? [] : ['Wants=network-online.target', 'After=network-online.target']),
    `RequiresMountsFor=${quoted(service.directory)}`,
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${service.command.map(quotedArgument).join(' ')}`,
    ...(service.reloads ? ['ExecReload=/bin/kill -HUP $MAINPID'] : []),
    ...environmentOf(service),
    'Restart=on-failure',
    'RestartSec=2',
    '# Requests under way have two seconds to end; then the disk is left in order.',
    'TimeoutStopSec=20',
    'LimitNOFILE=65536',
    'UMask=0022',
    ...ownerOf(system),
    ...HARDENING,
    ...capabilitiesOf(service),
    ...writesOf(service),
    '',
    '[Install]',
    `WantedBy=${system === null ? 'default.target' : 'multi-user.target'}`,
    '',
  ].join('\n');
}

const HARDENING = [
  '',
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'ProtectHome=read-only',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  '# MemoryDenyWriteExecute is left out: the compiler in Node makes machine code while it runs.',
];

function environmentOf({ home }: ServeService): readonly string[] {
  return [
    'Environment=UV_THREADPOOL_SIZE=16',
    ...(home === undefined ? [] : [`Environment=${quoted(`FERRY_HOME=${home}`)}`]),
  ];
}

function ownerOf(system: SystemService | null): readonly string[] {
  if (system === null) return [];
  return [
    '# DynamicUser cannot be used: what clients store has to belong to an owner that stays.',
    `User=${system.uid}`,
    `Group=${system.gid}`,
    `StateDirectory=${system.stateName}`,
    'StateDirectoryMode=0700',
  ];
}

/** A service of a user has no capabilities to take away. */
function capabilitiesOf({ system, needsLowPort }: ServeService): readonly string[] {
  if (system === null) return [];
  const needed = needsLowPort ? 'CAP_NET_BIND_SERVICE' : '';
  return [`CapabilityBoundingSet=${needed}`, `AmbientCapabilities=${needed}`];
}

function writesOf({ directory, readOnly, stateDirectory, system, writes }: ServeService) {
  const own = system === null ? [stateDirectory] : [];
  const paths = [...(readOnly ? [] : [directory]), ...own, ...writes];
  return [...new Set(paths)].map((path) => `ReadWritePaths=${quoted(path)}`);
}

/** Quotes as systemd.syntax(7) says; `%` begins a specifier. */
function quoted(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('%', '%%');
  return /[\s"'\\;]/.test(text) ? `"${escaped}"` : escaped;
}

/** In a command, `$` begins a variable besides. */
function quotedArgument(text: string): string {
  return quoted(text).replaceAll('$', '$$$$');
}
