import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock, WriteItem } from '../../core/ports.ts';
import { codeOf, type SafeRoot } from '../../native/index.ts';
import { makeDirectories, privatePath, removeIfThere } from './private-files.ts';

const PARTIAL = privatePath('partial');
/** From this size on, what has arrived of a file is kept when the transfer breaks off. */
export const RESUMABLE_BYTES = 8 * 1024 * 1024;
const STALE_AFTER_MS = 7 * 86_400_000;
const KEY = /^[0-9a-f]{32}-[0-9a-f]{32}$/;

/** The key in the name of a staged file; null: it is not one to be kept. */
export function keyInName(name: string): string | null {
  const key = name.slice(name.indexOf('.') + 1);
  return name.includes('.') && KEY.test(key) ? key : null;
}

/**
 * Returns under what name the beginning of an item's content is kept: one for the path, and one for what exactly is to
 * come there. Null: it cannot be gone on with. After a restart of the system the name is another one: what was not
 * synced may be lost by then, and the file's length would not show it.
 */
export function partialKey({
  openAfter,
  path,
  sizeBytes,
  sourceVersion,
}: WriteItem): string | null {
  if (sizeBytes < RESUMABLE_BYTES || openAfter === undefined || BOOT === null) return null;
  return `${shortHash([path])}-${shortHash([path, sourceVersion, sizeBytes, BOOT])}`;
}

function shortHash(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

const BOOT = bootId();

function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null; // no Linux: nothing tells whether the system was restarted
  }
}

/**
 * Gives what was kept under the key the name `stage`, and removes what was kept for other contents of the path. Returns
 * its length; 0: there is none. Only one process gets it.
 */
export async function claimPartial(root: SafeRoot, key: string, stage: string): Promise<number> {
  if ((await root.stat(PARTIAL)) === null) return 0;
  const [ofPath = ''] = key.split('-');
  let sizeBytes = 0;
  for (const { name, stat } of await root.list(PARTIAL)) {
    if (name === null || !name.startsWith(`${ofPath}-`)) continue;
    if (name === key && stat?.kind === 'file') {
      if (await isRenamed(root, `${PARTIAL}/${name}`, stage)) sizeBytes = stat.sizeBytes;
    } else await removeIfThere(root, `${PARTIAL}/${name}`);
  }
  if (sizeBytes > 0) await root.setMode(stage, 0o600);
  return sizeBytes;
}

async function isRenamed(root: SafeRoot, from: string, to: string): Promise<boolean> {
  try {
    await root.rename(from, to, 'no-replace');
    return true;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return false;
  }
}

/** Keeps what has arrived in `stage` under the key, for the next attempt. */
export async function keepPartial(root: SafeRoot, key: string, stage: string): Promise<void> {
  await makeDirectories(root, PARTIAL);
  await root.rename(stage, `${PARTIAL}/${key}`, 'replace');
}

/** Removes what nobody has gone on with for a week. */
export async function sweepPartials(root: SafeRoot, clock: Clock): Promise<void> {
  if ((await root.stat(PARTIAL)) === null) return;
  const items = await root.list(PARTIAL);
  const stale = items.filter(({ name, stat }) => {
    const keptMs = Number((stat?.ctimeNs ?? 0n) / 1_000_000n);
    return name !== null && clock.now() - keptMs > STALE_AFTER_MS;
  });
  for (const { name } of stale) await removeIfThere(root, `${PARTIAL}/${name}`);
  if (stale.length === items.length) await root.removeDirectory(PARTIAL);
}
