import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';

describe.each(availableBackends())('rename (%s)', (backend) => {
  let directory: string;
  let root: SafeRoot;
  const at = (name: string) => join(directory, name);
  const text = (name: string) => fs.readFileSync(at(name), 'utf8');

  beforeEach(async () => {
    directory = fs.mkdtempSync('/tmp/ferry-test-');
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d/inner'), 'inner');
    fs.writeFileSync(at('one'), '1');
    fs.writeFileSync(at('two'), '2');
    fs.symlinkSync('one', at('link'));
    root = await openSafeRoot(directory, { backend });
  });
  afterEach(async () => {
    await root.close();
    const residue = fs.readdirSync(directory).filter((name) => name.startsWith('.ferry-tmp-'));
    fs.rmSync(directory, { recursive: true, force: true });
    expect(residue).toEqual([]);
  });

  it('replaces only when it is asked to', async () => {
    await expect(root.rename('one', 'two', 'no-replace')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(text('two')).toBe('2');
    await root.rename('one', 'two', 'replace');
    expect(text('two')).toBe('1');
    expect(fs.existsSync(at('one'))).toBe(false);
  });

  it.each([
    ['one', 'd/new'],
    ['link', 'new'],
    ['d', 'new'],
  ])('moves %s to a free name, same node', async (from, to) => {
    const before = await root.stat(from);
    await root.rename(from, to, 'no-replace');
    const after = await root.stat(to);
    expect(after?.ino).toBe(before?.ino);
    expect(after?.kind).toBe(before?.kind);
    expect(after?.links).toBe(before?.links);
    expect(await root.stat(from)).toBeNull();
  });

  it('overwrites nothing of any kind without being asked', async () => {
    fs.mkdirSync(at('empty'));
    for (const [from, to] of [
      ['d', 'one'],
      ['d', 'empty'],
      ['one', 'empty'],
      ['one', 'link'],
      ['link', 'one'],
    ] as const)
      await expect(root.rename(from, to, 'no-replace')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(text('d/inner')).toBe('inner');
    expect(fs.readdirSync(directory).sort()).toEqual(['d', 'empty', 'link', 'one', 'two']);
  });

  it('refuses to move a directory below itself', async () => {
    await expect(root.rename('d', 'd/below', 'no-replace')).rejects.toMatchObject({
      code: 'EINVAL',
    });
    expect(fs.readdirSync(at('d'))).toEqual(['inner']);
  });

  it.each([
    ['one', 'two'],
    ['one', 'd/inner'],
    ['one', 'd'],
    ['d', 'link'],
    ['link', 'two'],
  ])('exchanges %s and %s, both keep their node', async (left, right) => {
    const [first, second] = [await root.stat(left), await root.stat(right)];
    await root.rename(left, right, 'exchange');
    expect((await root.stat(left))?.ino).toBe(second?.ino);
    expect((await root.stat(right))?.ino).toBe(first?.ino);
  });

  it('exchanges only what is there on both sides', async () => {
    await expect(root.rename('one', 'none', 'exchange')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(root.rename('none', 'one', 'exchange')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(text('one')).toBe('1');
  });

  it('lets exactly one of many movers have a name, and loses none of the others', async () => {
    for (let index = 0; index < 40; index++) fs.writeFileSync(at(`from-${index}`), `${index}`);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        root.rename(`from-${index}`, 'target', 'no-replace'),
      ),
    );
    const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(text('target')).toBe(`${winners[0]}`);
    for (let index = 0; index < 40; index++)
      if (index !== winners[0]) expect(text(`from-${index}`)).toBe(`${index}`);
  });
});
