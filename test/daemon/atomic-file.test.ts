import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { writeFileAtomically } from '../../daemon/atomic-file.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** No process has it: the kernel gives no number above 4,194,304. */
const DEAD_PID = 2 ** 30;

it('what a killed process left of a file goes with the next write, and a living one is left alone', async () => {
  const folder = await temporaryDirectory();
  const left = [`state.json.${DEAD_PID}.0123456789ab.tmp`, `state.json.${process.ppid}.ab.tmp`];
  for (const name of [...left, 'state.json.old', `other.json.${DEAD_PID}.ab.tmp`])
    await writeFile(join(folder.path, name), 'half');
  await writeFileAtomically(join(folder.path, 'state.json'), 'whole', 0o600);
  expect(await readFile(join(folder.path, 'state.json'), 'utf8')).toBe('whole');
  expect((await readdir(folder.path)).sort()).toEqual(
    [`other.json.${DEAD_PID}.ab.tmp`, left[1], 'state.json', 'state.json.old'].sort(),
  );
  await folder.close();
});
