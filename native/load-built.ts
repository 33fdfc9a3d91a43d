import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the nearest folder upwards that has a package.json: the same for the sources and for dist/. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}

/** Returns what an addon exports; null when it was not built for this system. */
export function loadBuilt<T>(name: string): T | null {
  const location = join(packageFolder(), `build/Release/${name}.node`);
  try {
    return createRequire(import.meta.url)(location) as T;
  } catch {
    return null;
  }
}
