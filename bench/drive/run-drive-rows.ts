import { programPath } from '../../test/support/servers/real-server.ts';
import type { RowOptions } from '../rows.ts';
import { changeRows, lifeRows, partRows } from './daemon-rows.ts';
import { DRIVE_BACKENDS, DRIVE_PEERS, type DrivePeer, removeShown } from './drive-peers.ts';
import { contentRows, metadataRows, openingRows } from './drive-rows.ts';
import { DRIVE_ROWS, type DriveResult, numberText } from './drive-table.ts';

interface DriveRowKind {
  readonly row: string;
  /** Programs that must be installed beside a C compiler. */
  readonly needs: readonly string[];
  takesPart(peer: DrivePeer): boolean;
  run(peer: DrivePeer, options: RowOptions): Promise<DriveResult[]>;
}

const isOurs = ({ name }: DrivePeer): boolean => name in DRIVE_BACKENDS;

const KINDS: readonly DriveRowKind[] = [
  {
    row: 'D1',
    needs: ['find'],
    takesPart: ({ isForContent }) => !isForContent,
    run: metadataRows,
  },
  {
    row: 'D2',
    needs: [],
    takesPart: isOurs,
    run: ({ name }, options) => openingRows(name, options),
  },
  { row: 'D3', needs: ['fio'], takesPart: () => true, run: contentRows },
  {
    row: 'D4',
    needs: [],
    takesPart: (peer) => isOurs(peer) || peer.name === 'rclone',
    run: partRows,
  },
  { row: 'D5', needs: [], takesPart: isOurs, run: changeRows },
  { row: 'D6', needs: [], takesPart: isOurs, run: lifeRows },
];

/** What can be asked for. */
export const DRIVE_ROW_NAMES: readonly string[] = KINDS.map(({ row }) => row);

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Measures the mounted drive, beside the disk itself and other programs that show a server's files. */
export async function driveRows(
  wanted: ReadonlySet<string>,
  peers: readonly string[],
  options: RowOptions,
): Promise<DriveResult[]> {
  const results: DriveResult[] = [];
  for (const kind of KINDS.filter(({ row }) => wanted.has(row))) {
    const missing = ['cc', ...kind.needs].filter((program) => programPath(program) === null);
    if (missing.length > 0) {
      say(`left out: ${kind.row} (not installed: ${missing.join(', ')})`);
      continue;
    }
    for (const peer of DRIVE_PEERS) {
      if (!peers.includes(peer.name) || !kind.takesPart(peer)) continue;
      results.push(...(await one(kind, peer, options)));
    }
    removeShown(options.work);
  }
  return results;
}

async function one(
  kind: DriveRowKind,
  peer: DrivePeer,
  options: RowOptions,
): Promise<DriveResult[]> {
  if (peer.reason !== null) {
    say(`left out: ${peer.name} (${peer.reason})`);
    return [];
  }
  try {
    const found = await kind.run(peer, options);
    for (const { row, value } of found)
      say(
        `${row.padEnd(16)} ${peer.name.padEnd(18)} ${numberText(value)} ${DRIVE_ROWS[row]?.unit ?? ''}`,
      );
    return found;
  } catch (error) {
    say(`${kind.row} with ${peer.name} failed: ${String(error)}`);
    return [];
  }
}
