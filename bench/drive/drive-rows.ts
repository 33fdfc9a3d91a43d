import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { settle } from '../processes.ts';
import { SeededRandom } from '../random.ts';
import type { RowOptions } from '../rows.ts';
import { madeOnce } from '../stage.ts';
import { makeBigFile } from '../trees.ts';
import { DRIVE_BACKENDS, type DrivePeer, type Shown, whileShown } from './drive-peers.ts';
import { type DriveResult, note, resultsOf, type Taken } from './drive-table.ts';
import { HostedDrive } from './hosted-drive.ts';
import { bounded, type Figures, Probe, secondsOf } from './probe.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const DIRECTORIES = 100;
const FILES_IN_EACH = 1000;
const ASKED = 20_000;
const FIRST_TIME_S = 1_700_000_000;
const FIO_SECONDS = 6;
const WRITTEN_BYTES = 512 * MIB;
/** Some peers keep what is written twice. */
const WARM_BYTES = 3 * WRITTEN_BYTES;
const CREATED_FILES = 2000;
const CREATED_BYTES = 4096;

/** Files with a size and without content. */
function manyFiles(work: string): string {
  const root = join(work, 'drive-metadata');
  return madeOnce(root, () => {
    for (let directory = 0; directory < DIRECTORIES; directory++) {
      const folder = join(root, `directory ${directory}`);
      mkdirSync(folder, { recursive: true });
      for (let index = 0; index < FILES_IN_EACH; index++) {
        const file = join(folder, `file ${index}.dat`);
        closeSync(openSync(file, 'w'));
        truncateSync(file, 1 + ((directory * 977 + index * 131) % 100_000));
        utimesSync(file, FIRST_TIME_S + index, FIRST_TIME_S + index);
      }
    }
  });
}

/** Paths in no order that anything could be kept in. */
function shuffledPaths(kind: 'file' | 'absent'): string {
  const random = new SeededRandom(kind === 'file' ? 7 : 8);
  const all = Array.from({ length: DIRECTORIES * FILES_IN_EACH }, (_, index) => {
    const directory = Math.floor(index / FILES_IN_EACH);
    return `directory ${directory}/${kind} ${index % FILES_IN_EACH}.dat`;
  });
  return random.shuffle(all).slice(0, ASKED).join('\n');
}

const perSecond = ({ ns = Number.NaN }: Figures, count: number): number => (count / ns) * 1e9;

/** D1: the tree without any content. */
export async function metadataRows(peer: DrivePeer, options: RowOptions): Promise<DriveResult[]> {
  const { work, runs } = options;
  const source = manyFiles(work);
  const probe = new Probe(work);
  const [present, absent] = [join(work, 'present.list'), join(work, 'absent.list')];
  writeFileSync(present, shuffledPaths('file'));
  writeFileSync(absent, shuffledPaths('absent'));
  return whileShown(peer, { source, work }, async (shown) => {
    const taken: Taken = new Map();
    const ask = async (row: string, list: string, of: 'found' | 'absent'): Promise<void> => {
      const figures = await probe.run('stat', list, shown.path);
      if (figures[of] !== ASKED) throw new Error(`${row}: ${JSON.stringify(figures)}`);
      note(taken, row, perSecond(figures, ASKED));
    };
    const find = async (row: string, ...format: string[]): Promise<void> => {
      note(taken, row, await secondsOf('find', shown.path, ...format));
    };
    for (let run = 0; run < runs; run++) {
      await shown.renew({ isCold: true });
      await ask('D1 stat cold', present, 'found');
      await ask('D1 stat warm', present, 'found');
      await ask('D1 absent', absent, 'absent');
      await shown.renew({ isCold: true });
      await find('D1 find cold');
      await find('D1 find warm');
      await shown.renew({ isCold: true });
      await find('D1 sizes cold', '-printf', '%s\\n');
    }
    return resultsOf(taken, peer.name);
  });
}

/** D2: what a large drive takes to open. */
export async function openingRows(name: string, options: RowOptions): Promise<DriveResult[]> {
  const { work, runs } = options;
  const backend = DRIVE_BACKENDS[name as keyof typeof DRIVE_BACKENDS];
  const directory = join(work, 'large-drive');
  await rm(directory, { recursive: true, force: true });
  const place = { directory, source: work, backend };
  const taken: Taken = new Map();
  try {
    const { drive } = await HostedDrive.open(place);
    try {
      await drive.do({ do: 'seed-made-up', directories: 1000, filesInEach: 999 });
    } finally {
      await drive.close();
    }
    for (let run = 0; run < runs; run++) {
      const again = await HostedDrive.open(place);
      const { seconds, bytes, entries } = again.figures;
      await again.drive.close();
      if (entries < 999_000) throw new Error(`only ${entries} entries are left`);
      note(taken, 'D2 open', seconds);
      note(taken, 'D2 memory', bytes / entries);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return resultsOf(taken, name);
}

const BIG = 'big.dat';
const WRITTEN = 'written in run ';

/** D3: content that is on this device. */
export async function contentRows(peer: DrivePeer, options: RowOptions): Promise<DriveResult[]> {
  const { work, runs } = options;
  const folder = join(work, 'drive-content');
  const source = madeOnce(folder, () => makeBigFile(join(folder, BIG), GIB, 3));
  const probe = new Probe(work);
  // A server's folder keeps directories that were made through a mount of it.
  for (const name of readdirSync(source))
    if (name.startsWith(WRITTEN)) rmSync(join(source, name), { recursive: true });
  return whileShown(peer, { source, work }, async (shown) => {
    const taken: Taken = new Map();
    const big = join(shown.path, BIG);
    await shown.hydrate(BIG);
    // How large the pieces are that the kernel keeps depends on how they came: read by it alone, they are all alike.
    await shown.renew({ isCold: true });
    await probe.run('read', big, MIB);
    for (let run = 0; run < runs; run++) {
      await shown.renew({ isCold: false });
      for (const row of ['D3 read first', 'D3 read again']) {
        const figures = await probe.run('read', big, MIB);
        if (figures['bytes'] !== GIB) throw new Error(`${row}: ${JSON.stringify(figures)}`);
        note(taken, row, perSecond(figures, GIB / MIB));
      }
      for (const jobs of [1, 4])
        note(taken, `D3 random ${jobs}`, await randomReads(big, jobs, peer.name === 'bare'));
      await writes(shown, { probe, work, run }, taken);
    }
    return resultsOf(taken, peer.name);
  });
}

/** On the disk itself the pages are left in memory, as the files behind a mount are, too. */
async function randomReads(file: string, jobs: number, keepsPages: boolean): Promise<number> {
  const text = await bounded(
    FIO_SECONDS + 60,
    'fio',
    '--name=random',
    `--filename=${file}`,
    '--rw=randread',
    '--bs=4k',
    '--ioengine=psync',
    `--numjobs=${jobs}`,
    '--group_reporting',
    '--size=1g',
    '--time_based',
    `--runtime=${FIO_SECONDS}`,
    `--invalidate=${keepsPages ? 0 : 1}`,
    '--readonly',
    '--output-format=json',
  );
  const report = JSON.parse(text.slice(text.indexOf('{'))) as {
    jobs: readonly { read: { iops: number } }[];
  };
  return report.jobs[0]?.read.iops ?? Number.NaN;
}

/**
 * Has the memory that the next writes go to in use a moment before: the host of a virtual machine takes back what is
 * free, and to give it again takes several times as long as to write into it.
 */
async function warmMemory(work: string, probe: Probe): Promise<void> {
  const file = join(work, 'warm');
  await probe.run('write', file, WARM_BYTES, MIB);
  rmSync(file);
}

async function writes(
  shown: Shown,
  { probe, work, run }: { readonly probe: Probe; readonly work: string; readonly run: number },
  taken: Taken,
): Promise<void> {
  const folder = join(shown.writable, `${WRITTEN}${run}`);
  await bounded(60, 'mkdir', folder);
  settle(false); // what others have left to write would be waited for here
  await warmMemory(work, probe);
  const written = await probe.run('write', join(folder, 'large'), WRITTEN_BYTES, MIB);
  note(taken, 'D3 write', perSecond(written, WRITTEN_BYTES / MIB));
  settle(false);
  const created = await probe.run('create', folder, CREATED_FILES, CREATED_BYTES);
  note(taken, 'D3 create', perSecond(created, CREATED_FILES));
}
