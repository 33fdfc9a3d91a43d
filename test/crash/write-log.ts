import { open, readFile } from 'node:fs/promises';

/** The disks of a recording, in the order of their numbers in the log. */
export const DISKS = ['client', 'server'] as const;

export type Disk = (typeof DISKS)[number];

const KINDS = { 1: 'written', 2: 'flushed', 3: 'marked' } as const;
const HEADER_BYTES = 24;
/** A disk writes sectors of this size as a whole or not at all. */
const SECTOR_BYTES = 512;

interface LogEntry {
  readonly kind: (typeof KINDS)[keyof typeof KINDS];
  readonly disk: Disk;
  readonly offset: number;
  readonly bytes: Buffer;
}

const IN_THE_AIR = ['none', 'all', 'some', 'some', 'torn'] as const;

/** What had reached a disk when the power went: all up to a place in the log, and what was in the air by chance. */
export interface Cut {
  /** So many entries of the log had happened. */
  readonly at: number;
  /** Disks of machines that lost their power; the others have everything that was written up to then. */
  readonly victims: readonly Disk[];
  /** How much of what was written after the last flush had arrived. */
  readonly inTheAir: 'none' | 'all' | 'some' | 'torn';
}

/** Returns a cut by chance, in the first `length` entries of a log. */
export function cutOf(length: number, random: () => number): Cut {
  const at = Math.floor(random() * (length + 1));
  const victims = random() < 0.6 ? (['client'] as const) : DISKS;
  return { at, victims, inTheAir: IN_THE_AIR[Math.floor(random() * IN_THE_AIR.length)] ?? 'some' };
}

/** All that happened to both disks of a recording. */
export class WriteLog {
  readonly #entries: readonly LogEntry[];

  private constructor(entries: readonly LogEntry[]) {
    this.#entries = entries;
  }

  /** Reads the first `end` bytes of a log. */
  static async read(file: string, end: number): Promise<WriteLog> {
    const log = (await readFile(file)).subarray(0, end);
    const entries: LogEntry[] = [];
    for (let at = 0; at < log.length; ) {
      const kind = KINDS[log.readUInt32LE(at) as keyof typeof KINDS];
      const disk = DISKS[log.readUInt32LE(at + 4)] ?? 'client';
      const offset = Number(log.readBigUInt64LE(at + 8));
      const length = Number(log.readBigUInt64LE(at + 16));
      at += HEADER_BYTES;
      const bytes = log.subarray(at, kind === 'flushed' ? at : at + length);
      at += bytes.length;
      entries.push({ kind, disk, offset, bytes });
    }
    return new WriteLog(entries);
  }

  get length(): number {
    return this.#entries.length;
  }

  /** How many entries there are of a kind. */
  count(kind: LogEntry['kind']): number {
    return this.#entries.filter((entry) => entry.kind === kind).length;
  }

  /** Returns where the log says `mark`; its length when it does not. */
  placeOf(mark: string): number {
    const at = this.#entries.findIndex(
      ({ kind, bytes }) => kind === 'marked' && bytes.toString() === mark,
    );
    return at < 0 ? this.length : at;
  }

  /** Returns how many marks were set before a place. */
  marksBefore(at: number): number {
    return this.#entries.slice(0, at).filter(({ kind }) => kind === 'marked').length;
  }

  /** Writes into the image of a disk what had reached it at a cut. */
  async apply(image: string, disk: Disk, cut: Cut, random: () => number): Promise<void> {
    const happened = this.#entries.slice(0, cut.at);
    const lastFlush = happened.findLastIndex((one) => one.kind === 'flushed' && one.disk === disk);
    const isVictim = cut.victims.includes(disk);
    const file = await open(image, 'r+');
    try {
      for (const [index, { kind, disk: written, offset, bytes }] of happened.entries()) {
        if (kind !== 'written' || written !== disk) continue;
        const isSafe = index < lastFlush || !isVictim;
        const length = isSafe ? bytes.length : arrived(bytes.length, cut, random);
        if (length > 0) await file.write(bytes, 0, length, offset);
      }
    } finally {
      await file.close();
    }
  }
}

/** Returns how much of a write that no flush came after had reached the disk. */
function arrived(length: number, { inTheAir }: Cut, random: () => number): number {
  if (inTheAir === 'none') return 0;
  if (inTheAir === 'all') return length;
  const isThere = random() < 0.5;
  if (inTheAir === 'some') return isThere ? length : 0;
  return isThere ? SECTOR_BYTES * Math.floor((random() * length) / SECTOR_BYTES) : 0;
}
