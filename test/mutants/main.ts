import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTANTS } from './all-mutants.ts';
import { type Killer, killersFor } from './killers.ts';
import type { Mutant } from './mutant.ts';
import { openWorkspace, readSources, type Workspace } from './workspace.ts';

/**
 * `npm run mutants [-- --only ID --jobs N --depth N --without KILLER --list]`: plants each bug into a copy of the compiled
 * tree and runs what may notice it, only the first N when a depth is given. Fails when one survives: then a test or an
 * invariant is missing.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    jobs: { type: 'string', default: '1' },
    depth: { type: 'string', default: '99' },
    without: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
  },
});
const ROOT = join(import.meta.dirname, '../../..');
const chosen = MUTANTS.filter(
  ({ id, file }) => values.only?.some((only) => only === id || file.includes(only)) ?? true,
);
const stopped = new AbortController();
process.once('SIGINT', () => stopped.abort());
process.once('SIGTERM', () => stopped.abort());

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** What is true of each killer without any bug; one that fails then proves nothing. */
const soundness = new Map<string, Promise<void>>();

function checkSound(killer: Killer, workspace: Workspace): Promise<void> {
  const known = soundness.get(killer.name);
  if (known) return known;
  const checked = killer.run(workspace.path, stopped.signal).then((found) => {
    if (found !== null) throw new Error(`${killer.name} fail without any bug: ${found}`);
  });
  soundness.set(killer.name, checked);
  return checked;
}

async function judge(mutant: Mutant, workspace: Workspace): Promise<string | null> {
  try {
    await workspace.plant(mutant);
    const killers = killersFor(mutant.file).filter(({ name }) => !values.without.includes(name));
    for (const killer of killers.slice(0, Number(values.depth))) {
      const found = await killer.run(workspace.path, stopped.signal);
      if (found === null) continue;
      await workspace.restore();
      await checkSound(killer, workspace);
      return `${killer.name}: ${found}`;
    }
    return null;
  } finally {
    await workspace.restore();
  }
}

async function judgeAll(): Promise<number> {
  const sources = await readSources(ROOT, chosen);
  const left = chosen.values();
  let survived = 0;
  const lane = async (): Promise<void> => {
    const workspace = await openWorkspace(ROOT, sources);
    try {
      for (const mutant of left) {
        const begunMs = performance.now();
        const killedBy = await judge(mutant, workspace);
        const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
        if (killedBy === null) survived++;
        const verdict = killedBy === null ? `SURVIVED: ${mutant.bug}` : `killed by ${killedBy}`;
        print(`${mutant.id.padEnd(36)} ${`${seconds} s`.padStart(6)}  ${verdict}`);
      }
    } catch (error) {
      stopped.abort();
      throw error;
    } finally {
      await workspace.close();
    }
  };
  const lanes = Array.from({ length: Math.max(1, Number(values.jobs)) }, lane);
  const failure = (await Promise.allSettled(lanes)).find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  return survived;
}

if (values.list) for (const { id, file, bug } of chosen) print(`${id.padEnd(36)} ${file}: ${bug}`);
else {
  const survived = await judgeAll();
  print(`${chosen.length} mutants, ${chosen.length - survived} killed, ${survived} survived`);
  process.exitCode = survived === 0 ? 0 : 1;
}
