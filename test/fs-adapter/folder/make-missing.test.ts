import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeMissing } from '../../../fs-adapter/folder/make-missing.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
});
afterEach(() => folder.close());

describe('a directory that somebody has named', () => {
  it('is made with those above it, and left alone when it is there', async () => {
    await makeMissing(at('one/two/three'));
    await writeFile(at('one/two/three/file'), 'kept');
    await makeMissing(at('one/two/three'));
    expect((await stat(at('one/two/three/file'))).size).toBe(4);
  });

  it('can be reached through a link', async () => {
    await mkdir(at('real'));
    await symlink(at('real'), at('link'));
    await makeMissing(at('link'));
    await makeMissing(at('link/new'));
    expect((await stat(at('real/new'))).isDirectory()).toBe(true);
  });

  it('is not made where something else has its name, or that of one above it', async () => {
    await writeFile(at('file'), '');
    await symlink(at('nowhere'), at('dangling'));
    await expect(makeMissing(at('file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeMissing(at('file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(makeMissing(at('dangling'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeMissing(at('dangling/below/it'))).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('is refused at once where none can be made, other than by Node, which goes on for ever', async () => {
    await expect(makeMissing('/proc/ferry-there-is-none/below')).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
