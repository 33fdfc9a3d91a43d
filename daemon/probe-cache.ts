import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Home } from './home.ts';

/** A server may be replaced by another one: what was proven is proven again after a month. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

interface CachedProbe {
  readonly savedAtMs: number;
  readonly probe: unknown;
}

function fileFor(home: Home, url: string, user: string | undefined): string {
  const name = createHash('sha256')
    .update(`${url}\0${user ?? ''}`)
    .digest('hex')
    .slice(0, 24);
  return join(home.stateDirectory, 'probes', `${name}.json`);
}

/** Returns what was proven of a server that has no name, so that not every run asks it again; undefined when nothing was. */
export async function loadProbe(
  home: Home,
  url: string,
  user: string | undefined,
  clock: Clock,
): Promise<unknown> {
  try {
    const cached: CachedProbe = JSON.parse(await readFile(fileFor(home, url, user), 'utf8'));
    const ageMs = clock.now() - cached.savedAtMs;
    return ageMs >= 0 && ageMs < KEPT_MS ? cached.probe : undefined;
  } catch {
    return undefined; // none kept, or unreadable: it is found out again
  }
}

/** Keeps what was proven of a server. */
export async function saveProbe(
  home: Home,
  url: string,
  user: string | undefined,
  kept: { readonly probe: unknown; readonly clock: Clock },
): Promise<void> {
  const cached: CachedProbe = { savedAtMs: kept.clock.now(), probe: kept.probe };
  await writeFileAtomically(fileFor(home, url, user), `${JSON.stringify(cached)}\n`, 0o600);
}
