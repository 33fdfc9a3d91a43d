import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { FILE_SYSTEMS, type FileSystem } from './disks.ts';
import { CALL_CLASSES, type CallClass, type ClientCommand } from './points.ts';

export const USAGE = `usage: npm run crash-test -- [options]

  --points N          clients to kill once, or all (100)
  --double N          clients to kill, and then their recovery (50)
  --images N          disks to look at after the power went (0; needs root and FUSE)
  --fs F,…            ext4, ext4-noauto, xfs (all)
  --image ID          one image only, such as xfs:two-way:17, of the kept --recording DIR
  --server-points N   companion servers to kill, or all (0)
  --server-images N   disks of companion servers to look at after the power went (0)
  --server-point ID   one moment only, such as rename:after:3
  --direction D,…     two-way, remote-to-local, local-to-remote (all)
  --reset             kill clients during a reset
  --calls C,…         only before and after calls of these classes:
                      ${CALL_CLASSES.slice(0, 9).join(', ')},
                      ${CALL_CLASSES.slice(9).join(', ')}
  --point ID          one point only, such as two-way:rename:after:17, as a failure names it
  --seed N            chooses other points (1)
  --threads N         threads for file operations in the killed client (1: it does the same each time)
  --workers N         trials at a time (1)
  --keep DIR          copies the files of failed trials there
  --dir DIR           where the disks are (/dev/shm, else the folder for temporary files)
  --json              one document for each trial, then the figures
`;

/** What to try, and how. */
export interface CrashTestOptions {
  readonly points: number;
  readonly doubles: number;
  readonly directions: readonly Direction[];
  readonly command: ClientCommand;
  readonly calls: readonly CallClass[];
  readonly point: string | null;
  readonly images: number;
  readonly fileSystems: readonly FileSystem[];
  readonly image: string | null;
  readonly serverPoints: number;
  readonly serverImages: number;
  readonly serverPoint: string | null;
  readonly recording: string | null;
  readonly seed: number;
  readonly threads: number;
  readonly workers: number;
  readonly keepIn: string | null;
  /** Where a directory for the trials is made. */
  readonly disksIn: string;
  readonly json: boolean;
}

const text = <T extends string>(fallback: T) => ({ type: 'string', default: fallback }) as const;

function count(value: string, flag: string): number {
  const number = value === 'all' ? Number.POSITIVE_INFINITY : Number(value);
  if (!(number >= 0)) throw new Error(`--${flag}: expected a number, found ${value}`);
  return number;
}

/** Returns the choices in `values`, all of them for an empty text. @throws Error when one is no choice */
export function choicesOf<T extends string>(
  value: string,
  choices: readonly T[],
  flag: string,
): readonly T[] {
  if (value === '') return choices;
  return value.split(',').map((one) => {
    const choice = choices.find((each) => each === one);
    if (choice === undefined) throw new Error(`--${flag}: ${one} is none of ${choices.join(', ')}`);
    return choice;
  });
}

/** Returns what the command line says; null when it asks for help. @throws Error when it is wrong */
export function optionsFrom(args: readonly string[]): CrashTestOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: text('100'),
      double: text('50'),
      direction: text(''),
      reset: { type: 'boolean', default: false },
      calls: text(''),
      point: { type: 'string' },
      images: text('0'),
      fs: text(''),
      image: { type: 'string' },
      'server-points': text('0'),
      'server-images': text('0'),
      'server-point': { type: 'string' },
      recording: { type: 'string' },
      seed: text('1'),
      threads: text('1'),
      workers: text('1'),
      keep: { type: 'string' },
      dir: text(existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    points: count(values.points, 'points'),
    doubles: count(values.double, 'double'),
    directions: choicesOf(values.direction, DIRECTIONS, 'direction'),
    command: values.reset ? 'reset' : 'sync',
    calls: choicesOf(values.calls, CALL_CLASSES, 'calls'),
    point: values.point ?? null,
    images: count(values.images, 'images'),
    fileSystems: choicesOf(values.fs, FILE_SYSTEMS, 'fs'),
    image: values.image ?? null,
    serverPoints: count(values['server-points'], 'server-points'),
    serverImages: count(values['server-images'], 'server-images'),
    serverPoint: values['server-point'] ?? null,
    recording: values.recording === undefined ? null : resolve(values.recording),
    seed: count(values.seed, 'seed'),
    threads: Math.max(1, count(values.threads, 'threads')),
    workers: Math.max(1, count(values.workers, 'workers')),
    keepIn: values.keep === undefined ? null : resolve(values.keep),
    disksIn: values.dir,
    json: values.json,
  };
}
