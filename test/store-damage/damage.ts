import * as fs from 'node:fs/promises';
import { join } from 'node:path';

/** Picks a number below the given one; the same ones for the same seed. */
export type Pick = (below: number) => number;

/** Where a pair keeps its records, and copies of them from earlier. */
export interface StorePlaces {
  /** Holds the store and what belongs to it. */
  readonly home: string;
  /** A copy of all of `home` from some runs ago. */
  readonly earlier: string;
}

/** What can happen to the files of a store; returns what exactly was done. */
export type Damage = (places: StorePlaces, pick: Pick) => Promise<string>;

const storeOf = ({ home }: StorePlaces): string => join(home, 'records');

async function filesOf(places: StorePlaces, pattern: RegExp): Promise<readonly string[]> {
  const names = (await fs.readdir(storeOf(places))).sort();
  const found: string[] = [];
  for (const name of names.filter((one) => pattern.test(one))) {
    const file = join(storeOf(places), name);
    if ((await fs.stat(file)).size > 0) found.push(file);
  }
  return found;
}

async function anyOf(places: StorePlaces, pattern: RegExp, pick: Pick): Promise<string | null> {
  const found = await filesOf(places, pattern);
  return found.length === 0 ? null : (found[pick(found.length)] ?? null);
}

function inWords(file: string | null, what: string): string {
  return file === null ? 'there was none' : `${file.split('/').at(-1)} ${what}`;
}

function cutting(pattern: RegExp): Damage {
  return async (places, pick) => {
    const file = await anyOf(places, pattern, pick);
    if (file === null) return inWords(file, '');
    const { size } = await fs.stat(file);
    const left = pick(size);
    await fs.truncate(file, left);
    return inWords(file, `cut from ${size} to ${left} bytes`);
  };
}

function flipping(pattern: RegExp): Damage {
  return async (places, pick) => {
    const file = await anyOf(places, pattern, pick);
    const content = file === null ? null : await fs.readFile(file);
    if (file === null || content === null) return inWords(null, '');
    const [at, bit] = [pick(content.length), pick(8)];
    content[at] = (content[at] ?? 0) ^ (1 << bit);
    await fs.writeFile(file, content);
    return inWords(file, `bit ${bit} of byte ${at} of ${content.length}`);
  };
}

function removing(pattern: RegExp): Damage {
  return async (places, pick) => {
    const file = await anyOf(places, pattern, pick);
    if (file !== null) await fs.rm(file);
    return inWords(file, 'removed');
  };
}

/** Everything that is tried, by name. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'log cut': cutting(/\.log$/),
  'bit of the log': flipping(/\.log$/),
  'table cut': cutting(/\.ldb$/),
  'bit of a table': flipping(/\.ldb$/),
  'table gone': removing(/\.ldb$/),
  'bit of MANIFEST': flipping(/^MANIFEST/),
  'MANIFEST gone': removing(/^MANIFEST/),
  'CURRENT gone': removing(/^CURRENT$/),
  'bit of CURRENT': flipping(/^CURRENT$/),
  'store gone': async (places) => {
    await fs.rm(storeOf(places), { recursive: true });
    return 'removed';
  },
  'everything gone': async ({ home }) => {
    await fs.rm(home, { recursive: true });
    return 'removed';
  },
  'old store back': async (places) => {
    await fs.rm(storeOf(places), { recursive: true });
    await fs.cp(join(places.earlier, 'records'), storeOf(places), { recursive: true });
    return 'copied back';
  },
  'old records back': async ({ home, earlier }) => {
    await fs.rm(home, { recursive: true });
    await fs.cp(earlier, home, { recursive: true });
    return 'copied back';
  },
};
