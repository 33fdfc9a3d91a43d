import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
  ferry = ferryInProcess(at('home'), folder.path);
  await mkdir(at('a'));
  await ferry('pair', 'add', 'a', './b', '--name', 'docs');
  for (let n = 0; n < 40; n++) await writeFile(at(`a/${n}.txt`), `${n}`);
  await ferry('sync', 'docs');
  for (let n = 0; n < 30; n++) await rm(at(`a/${n}.txt`));
  expect((await ferry('sync', 'docs')).code).toBe(12);
});
afterEach(() => folder.close());

async function filesOnB(): Promise<number> {
  return (await readdir(at('b'))).filter((name) => name.endsWith('.txt')).length;
}

describe('ferry plan', () => {
  it('shows what a stopped run would have done, with the reason of each step', async () => {
    const { code, stdout } = await ferry('plan', 'show');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^docs: held since .*: 30 deletions$/m);
    expect(stdout).toMatch(/^delete-remote +0\.txt +\(deleted on the other side\)$/m);
    const [plan] = JSON.parse((await ferry('plan', 'show', 'docs', '--json')).stdout);
    expect(plan).toMatchObject({ pair: 'docs', counts: { deletedRemote: 30 }, actionCount: 30 });
    expect(plan.actions[0]).toMatchObject({ local: 'deleted', remote: 'none' });
  });

  it('is in the status, also without a daemon', async () => {
    expect((await ferry('status')).stdout).toContain(
      '1 held plan: 30 deletions: ferry plan show docs',
    );
    const { pairs } = JSON.parse((await ferry('status', '--json')).stdout);
    expect(pairs[0].heldPlan).toMatchObject({ deletions: 30 });
  });

  it('releases the only plan that is held without being told its pair', async () => {
    const { code, stdout } = await ferry('plan', 'release');
    expect([code, stdout]).toEqual([0, expect.stringContaining('30 deleted remotely')]);
    expect(await filesOnB()).toBe(10);
    expect((await ferry('plan', 'show')).stderr).toContain('no plan is held');
    expect((await ferry('status')).stdout).not.toContain('held plan');
  });

  it('refuses a release when something that it is about has changed', async () => {
    await writeFile(at('b/7.txt'), 'edited there');
    const { code, stderr } = await ferry('plan', 'release', 'docs');
    expect(code).toBe(12);
    expect(stderr).toContain('something has changed about 7.txt');
    expect(await filesOnB()).toBe(40);
  });

  it('drops a plan', async () => {
    expect((await ferry('plan', 'drop', 'docs')).stdout).toContain('forgotten');
    expect((await ferry('status')).stdout).not.toContain('held plan');
    expect((await ferry('plan', 'drop')).stderr).toContain('no plan is held');
    expect((await ferry('sync', 'docs')).code).toBe(12);
  });

  it('needs a name when several plans are held', async () => {
    await ferry('pair', 'copy', 'docs', 'more', '--remote', './c');
    await ferry('sync', 'more');
    for (let n = 0; n < 30; n++) await writeFile(at(`a/x${n}.txt`), `${n}`);
    await ferry('sync', 'more');
    for (let n = 0; n < 30; n++) await rm(at(`a/x${n}.txt`));
    expect((await ferry('sync', 'more')).code).toBe(12);
    const { code, stderr } = await ferry('plan', 'release');
    expect([code, stderr]).toEqual([2, expect.stringContaining('docs, more')]);
  });
});
