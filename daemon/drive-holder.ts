import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Home, pairDirectory } from './home.ts';

/** Only names the holder: that it holds the state is the lock's word, which the kernel gives up with the process. */
function fileOf(home: Home, name: string): string {
  return join(pairDirectory(home, name), 'drive-holder');
}

/** Notes that this process has the state of the drive `name` open. */
export function noteHolder(home: Home, name: string): void {
  mkdirSync(pairDirectory(home, name), { recursive: true, mode: 0o700 });
  writeFileSync(fileOf(home, name), `${process.pid}\n`, { mode: 0o600 });
}

/** Returns the process that opened the state of the drive `name` last; null: none did. */
export function holderOf(home: Home, name: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(fileOf(home, name), 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}

/** Returns the names of the drives whose state this process opened last. */
export function drivesHeldBy(home: Home, pid: number): readonly string[] {
  try {
    const names = readdirSync(join(home.stateDirectory, 'pairs'));
    return names.filter((name) => holderOf(home, name) === pid);
  } catch {
    return []; // nothing was ever kept here
  }
}
