import { parseChildPath } from './relative-path.ts';
import type { Failure, NewFile } from './safe-root.ts';
import { codeOf } from './system-error.ts';

/** Stands for no time where the addon takes times. */
const NO_TIME = -(2n ** 63n);

/** Returns the answers that `run` gives for all items whose paths a SafeRoot takes; the others have failed already. */
export async function forTakenPaths<T, R>(
  items: readonly T[],
  pathsOf: (item: T) => readonly string[],
  run: (taken: readonly T[]) => Promise<readonly (R | Failure)[]>,
): Promise<readonly (R | Failure)[]> {
  const isTaken = items.map((item) => pathsOf(item).every(isChildPath));
  if (isTaken.every(Boolean)) return items.length === 0 ? [] : run(items);
  const answers = await run(items.filter((_, index) => isTaken[index]));
  let next = 0;
  return isTaken.map((taken) => (taken ? answers[next++] : undefined) ?? { errno: 'EINVAL' });
}

function isChildPath(path: string): boolean {
  try {
    parseChildPath(path);
    return true;
  } catch {
    return false; // refused for this one path
  }
}

/** Returns the answer that a group of one has, and throws nothing but what `run` throws. */
export async function answerOf<R>(run: () => Promise<R>): Promise<R | Failure> {
  try {
    return await run();
  } catch (error) {
    return { errno: codeOf(error) ?? 'EIO' };
  }
}

/** The paths of a group as the addon takes them: no path has a NUL in it. */
export function joinPaths(paths: readonly string[]): string {
  return paths.join('\0');
}

/** Modes, and times in ns or what stands for none, as the addon takes them. */
export function packNewFiles(files: readonly NewFile[]): {
  readonly contents: readonly Uint8Array[];
  readonly modes: Uint32Array;
  readonly times: BigInt64Array;
} {
  const modes = new Uint32Array(files.length);
  const times = new BigInt64Array(files.length);
  for (const [index, { mode, mtimeNs }] of files.entries()) {
    modes[index] = mode;
    times[index] = mtimeNs ?? NO_TIME;
  }
  return { contents: files.map(({ content }) => content), modes, times };
}
