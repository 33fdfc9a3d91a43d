import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Replica } from '../../../core/ports.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { observeAll, put } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';

describe('the identity of a folder', () => {
  let top: string;
  let folder: string;
  const opened: Replica[] = [];
  const open = async (absolutePath = folder) => {
    const replica = await openFolderReplica({
      absolutePath,
      deviceName: 'laptop',
      clock: realClock,
      logger: quietLogger,
    });
    opened.push(replica);
    return replica;
  };

  beforeEach(() => {
    top = fs.mkdtempSync('/tmp/ferry-test-');
    folder = join(top, 'folder');
  });
  afterEach(async () => {
    for (const replica of opened.splice(0)) await replica.close();
    fs.rmSync(top, { recursive: true, force: true });
  });

  it('is missing with the folder, and nothing is made unless it is asked for', async () => {
    const replica = await open();
    const missing = { code: 'LOCAL_ROOT_MISSING', path: folder };
    await expect(replica.identify()).rejects.toMatchObject(missing);
    await expect(observeAll(replica)).rejects.toMatchObject(missing);
    expect(fs.existsSync(folder)).toBe(false);
    fs.writeFileSync(folder, 'a file');
    await expect(replica.identify()).rejects.toMatchObject(missing);
  });

  it('is null without a marker, and with a damaged one', async () => {
    fs.mkdirSync(folder);
    const replica = await open();
    expect(await replica.identify()).toEqual({ id: null });
    expect(fs.readdirSync(folder)).toEqual([]);
    fs.mkdirSync(join(folder, '.ferry'));
    fs.writeFileSync(join(folder, '.ferry/root.json'), '{"id":');
    expect(await replica.identify()).toEqual({ id: null });
  });

  it('is the same for every replica of the folder, also after it was renamed', async () => {
    const first = await (await open()).identify({ create: true });
    expect(first.id).not.toBeNull();
    expect(await (await open()).identify()).toEqual(first);
    fs.renameSync(folder, `${folder}-renamed`);
    expect(await (await open(`${folder}-renamed`)).identify()).toEqual(first);
  });

  it('is another one for another folder at the same place, and for a copy', async () => {
    const replica = await open();
    const first = await replica.identify({ create: true });
    fs.renameSync(folder, `${folder}-away`);
    await expect(replica.identify()).rejects.toMatchObject({ code: 'LOCAL_ROOT_MISSING' });
    fs.cpSync(`${folder}-away`, folder, { recursive: true });
    expect((await replica.identify()).id).not.toBe(first.id);
    fs.rmSync(folder, { recursive: true });
    fs.mkdirSync(folder);
    expect((await replica.identify()).id).toBeNull();
    await replica.identify({ create: true });
    await put(replica, 'file', 'goes to the new folder');
    expect(fs.readFileSync(join(folder, 'file'), 'utf8')).toBe('goes to the new folder');
  });

  it('is refused inside a .ferry folder', async () => {
    await expect(open(join(top, '.ferry/versions/x'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
