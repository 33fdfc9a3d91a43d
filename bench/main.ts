// `npm run bench`: Ferry beside the programs that people compare it with, on this machine, in one run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { programPath } from '../test/support/servers/real-server.ts';
import { DRIVE_PEERS } from './drive/drive-peers.ts';
import { driveTableOf } from './drive/drive-table.ts';
import { DRIVE_ROW_NAMES, driveRows } from './drive/run-drive-rows.ts';
import { curlNginx } from './peers/curl-nginx.ts';
import { ferry } from './peers/ferry.ts';
import type { Peer } from './peers/peer.ts';
import { lsyncd, rsyncDaemon } from './peers/rsync.ts';
import { syncthing } from './peers/syncthing.ts';
import { unison } from './peers/unison.ts';
import { plainServers, ROW_KINDS } from './rows.ts';
import { machineText, type Result, tableOf, versionOf } from './table.ts';

const PEERS: readonly Peer[] = [rsyncDaemon, unison, syncthing, lsyncd, curlNginx, ferry];
const PLAIN_SERVERS = 'P1';
const ALL_ROWS = [...ROW_KINDS.flatMap(({ rows }) => rows), PLAIN_SERVERS, ...DRIVE_ROW_NAMES];
const ALL_PEERS = [...PEERS, ...DRIVE_PEERS].map(({ name }) => name);
/** These take minutes each. */
const ONLY_WHEN_ASKED = new Set(['W9']);

const USAGE = `npm run bench -- [--rows W1,W4] [--peers rsyncd,ferry] [--runs 3] [--out FILE] [--work DIR]

Rows: ${ALL_ROWS.join(' ')} (all but ${[...ONLY_WHEN_ASKED].join(', ')} by default; docs/benchmark.md says what they are)
Peers: ${ALL_PEERS.join(' ')}; those that are not installed are left out by name.
Only ratios within one run mean anything. Counters of bytes and cold caches need root.`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    peers: { type: 'string' },
    runs: { type: 'string', default: '3' },
    out: { type: 'string' },
    work: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function chosenRows(): ReadonlySet<string> {
  if (values.rows === undefined)
    return new Set(ALL_ROWS.filter((row) => !ONLY_WHEN_ASKED.has(row)));
  const rows = values.rows.split(',');
  const unknown = rows.filter((row) => !ALL_ROWS.includes(row));
  if (unknown.length > 0) fail(`there is no row ${unknown.join(', ')}`);
  return new Set(rows);
}

function chosenNames(): readonly string[] {
  const names = values.peers?.split(',') ?? ALL_PEERS;
  const unknown = names.filter((name) => !ALL_PEERS.includes(name));
  if (unknown.length > 0) fail(`there is no peer ${unknown.join(', ')}`);
  return names;
}

function chosenPeers(names: readonly string[]): readonly Peer[] {
  return PEERS.filter((peer) => {
    if (!names.includes(peer.name)) return false;
    const missing = peer.needs.filter((program) => programPath(program) === null);
    if (missing.length > 0)
      console.error(`left out: ${peer.name} (not installed: ${missing.join(', ')})`);
    return missing.length === 0;
  });
}

function fail(reason: string): never {
  console.error(`${reason}\n\n${USAGE}`);
  process.exit(2);
}

interface Choice {
  readonly rows: ReadonlySet<string>;
  readonly names: readonly string[];
  readonly work: string;
  readonly runs: number;
}

async function runPairs({ rows, names, work, runs }: Choice): Promise<Result[]> {
  const kinds = ROW_KINDS.filter((kind) => kind.rows.some((row) => rows.has(row)));
  if (kinds.length === 0 && !rows.has(PLAIN_SERVERS)) return [];
  const peers = chosenPeers(names);
  const results: Result[] = [];
  for (const kind of kinds) {
    for (const peer of peers) {
      if (!peer.abilities.includes(kind.ability)) continue;
      const found = await kind.run(peer, rows, { work, runs }).catch((error: unknown) => {
        console.error(`${kind.rows.join(', ')} with ${peer.name} failed: ${String(error)}`);
        return [];
      });
      for (const { row, wallS, trees } of found)
        console.error(
          `${row.padEnd(10)} ${peer.name.padEnd(10)} ${wallS.toFixed(3)} s  ${trees ?? ''}`,
        );
      results.push(...found);
    }
  }
  if (rows.has(PLAIN_SERVERS) && peers.includes(ferry))
    results.push(...(await plainServers({ work, runs })));
  const order = [...new Set(results.map(({ row }) => row))];
  return results.sort((one, other) => order.indexOf(one.row) - order.indexOf(other.row));
}

if (values.help) {
  console.log(USAGE);
} else {
  const work = values.work ?? mkdtempSync(join(tmpdir(), 'ferry-bench-'));
  try {
    const [rows, names, runs] = [chosenRows(), chosenNames(), Number(values.runs)];
    if (!Number.isInteger(runs) || runs < 1) fail('--runs takes a number from 1 on');
    const choice = { rows, names, work, runs };
    const results = await runPairs(choice);
    const drives = await driveRows(rows, names, { work, runs });
    const peers = new Set([...results, ...drives].map(({ peer }) => peer));
    const versions = PEERS.filter(({ name }) => peers.has(name) && name !== 'ferry').flatMap(
      ({ needs }) => needs.map((program) => `${program} ${versionOf(program)}`),
    );
    if (peers.has('rclone')) versions.push(`rclone ${versionOf('rclone')}`);
    const head = [machineText(), `Medians of ${runs}`, [...new Set(versions)].join(', ')];
    const tables = [
      results.length > 0 ? tableOf(results) : '',
      drives.length > 0
        ? driveTableOf(
            drives,
            DRIVE_PEERS.map(({ name }) => name),
          )
        : '',
    ];
    const text = [`${head.filter(Boolean).join('. ')}.\n`, ...tables.filter(Boolean)].join('\n');
    console.log(text);
    if (values.out !== undefined) writeFileSync(values.out, text);
  } finally {
    if (values.work === undefined) rmSync(work, { recursive: true, force: true });
  }
}
