import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const GIVE_UP_MS = 5000;
/** A program that lost so many edits is not waited for any more. */
const MAX_LOST = 3;

/** Edits a file again and again, and returns the seconds until each edit was seen in the other file, in order. */
export async function editsUntilSeen(file: string, twin: string, count: number): Promise<number[]> {
  const taken: number[] = [];
  let lost = 0;
  for (let index = 0; index < count && lost < MAX_LOST; index++) {
    const content = `edit ${index} ${'.'.repeat(200 + index)}\n`;
    const startedMs = performance.now();
    writeFileSync(file, content);
    while (read(twin) !== content && performance.now() - startedMs < GIVE_UP_MS) await sleep(2);
    const seconds = (performance.now() - startedMs) / 1000;
    if (seconds * 1000 >= GIVE_UP_MS) lost++;
    taken.push(seconds);
    await sleep(120 + ((index * 37) % 200)); // in step with nobody's timer
  }
  return taken.sort((one, other) => one - other);
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // it is being replaced
  }
}

/** Waits until the file is there with that content. */
export async function untilSeen(file: string, content: string): Promise<void> {
  for (let tries = 0; tries < 600 && read(file) !== content; tries++) await sleep(50);
}
