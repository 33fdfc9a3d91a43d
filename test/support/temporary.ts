import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a temporary directory, and removes it with everything in it when `close` is called. */
export async function temporaryDirectory(
  label = 'ferry',
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `${label}-`));
  return { path, close: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
