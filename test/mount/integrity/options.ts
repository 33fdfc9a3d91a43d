import { parseArgs } from 'node:util';
import { BACKENDS, type CheckedBackend } from './checked-drive.ts';

export const USAGE = `usage: npm run check-drive -- [options]          random operations beside a model
       npm run check-drive -- fio [options]      fio, with what it writes verified
       npm run check-drive -- stress [options]   stress-ng's file system stressors, verified

  --backend B         disk, fuse-native or native (native)
  --directory DIR     checks this directory instead, whatever shows it; nothing is evicted or replaced then
  --seeds N           runs, each with a seed of its own (1)
  --seed N            the first seed (1)
  --ops N             operations of each run (10000)
  --parallel N        runs at a time on one drive, without restarts when more than one (1)
  --size BYTES        of the largest file (1048576)
  --only KIND,…       these kinds of operations alone, such as read,write,map-write,free; or these stressors or fio jobs
  --without KIND,…    not these
  --calm              nothing is uploaded and given back but what the checker asks for
  --replace-open      files are replaced by the other side while programs read them, too
  --no-orphans        files that are open are not removed, and nothing is renamed over them
  --no-restarts       the drive's process is neither restarted nor killed
  --seconds N         for each stressor and each fio job (5)
  --hang SECONDS      an operation may take so long (60)
  --history N         operations to print with a difference (20)
`;

/** What to check, and how. */
export interface CheckDriveOptions {
  readonly work: 'model' | 'fio' | 'stress';
  readonly backend: CheckedBackend;
  readonly directory: string | null;
  readonly seeds: number;
  readonly firstSeed: number;
  readonly operations: number;
  readonly parallel: number;
  readonly fileSize: number;
  readonly only: string | null;
  readonly without: string | null;
  readonly calm: boolean;
  readonly replaceOpen: boolean;
  readonly noOrphans: boolean;
  readonly restarts: boolean;
  readonly seconds: number;
  readonly hangSeconds: number;
  readonly history: number;
}

const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const flag = { type: 'boolean', default: false } as const;

function count(value: string, name: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name}: expected a number above 0, found ${value}`);
  return number;
}

function choice<T extends string>(value: string, choices: readonly T[], what: string): T {
  const found = choices.find((each) => each === value);
  if (found === undefined) throw new Error(`${what}: ${value} is none of ${choices.join(', ')}`);
  return found;
}

/** Returns what the command line says; null when it asks for help. @throws Error when it is wrong */
export function optionsFrom(args: readonly string[]): CheckDriveOptions | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      backend: text('native'),
      directory: { type: 'string' },
      seeds: text('1'),
      seed: text('1'),
      ops: text('10000'),
      parallel: text('1'),
      size: text(String(1024 * 1024)),
      only: { type: 'string' },
      without: { type: 'string' },
      calm: flag,
      'replace-open': flag,
      'no-orphans': flag,
      'no-restarts': flag,
      seconds: text('5'),
      hang: text('60'),
      history: text('20'),
      help: flag,
    },
  });
  if (values.help) return null;
  const backend = choice(values.backend, BACKENDS, '--backend');
  const parallel = count(values.parallel, 'parallel');
  return {
    work: choice(positionals[0] ?? 'model', ['model', 'fio', 'stress'], 'work'),
    backend,
    directory: values.directory ?? null,
    seeds: count(values.seeds, 'seeds'),
    firstSeed: count(values.seed, 'seed'),
    operations: count(values.ops, 'ops'),
    parallel,
    fileSize: count(values.size, 'size'),
    only: values.only ?? null,
    without: values.without ?? null,
    calm: values.calm,
    replaceOpen: values['replace-open'],
    // libfuse 2 gives such files another name, and does not find them any more when their directory is renamed.
    noOrphans: values['no-orphans'] || backend === 'fuse-native',
    restarts: !values['no-restarts'] && parallel === 1,
    seconds: count(values.seconds, 'seconds'),
    hangSeconds: count(values.hang, 'hang'),
    history: count(values.history, 'history'),
  };
}
