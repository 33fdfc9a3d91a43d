import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNativeAvailable } from '../../native/index.ts';

export type Backend = 'native' | 'javascript';

/** The backends that can run here; says so when the addon is not one of them. */
export function availableBackends(): readonly Backend[] {
  if (isNativeAvailable()) return ['native', 'javascript'];
  process.stderr.write(
    'the native backend is not tested: the addon is not built (npm run install)\n',
  );
  return ['javascript'];
}

/** Runs `use` with a fresh directory, and removes it afterwards. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-test-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
