import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import { versionOf } from '../../../fs-adapter/folder/node-version.ts';
import { publishOver } from '../../../fs-adapter/folder/publish.ts';
import { RealNames } from '../../../fs-adapter/folder/real-names.ts';
import { Stage, sweepStage } from '../../../fs-adapter/folder/stage.ts';
import { VersionStore } from '../../../fs-adapter/folder/version-store.ts';
import { openSafeRoot, type SafeRoot } from '../../../native/index.ts';
import { item } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';

const CONFLICT_COPY = /^file \(conflict laptop .*\)\.txt$/;
const { signal } = new AbortController();

/** The root, with something that happens right before or after each exchange of two names. */
function withRace(root: SafeRoot, race: { before?: () => void; after?: () => void }): SafeRoot {
  return new Proxy(root, {
    get(target, key) {
      if (key === 'rename')
        return async (from: string, to: string, mode: 'exchange') => {
          if (mode === 'exchange') race.before?.();
          await target.rename(from, to, mode);
          if (mode === 'exchange') race.after?.();
        };
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe.each(availableBackends())('publishing a file (%s)', (backend) => {
  let directory: string;
  let root: SafeRoot;
  let stage: Stage;
  const names = new RealNames();
  const versions = new VersionStore({
    names,
    deviceName: 'laptop',
    clock: realClock,
    logger: quietLogger,
  });
  const path = (name: string) => join(directory, name);
  const text = (name: string) => fs.readFileSync(path(name), 'utf8');
  const visible = () => fs.readdirSync(directory).filter((name) => name !== '.ferry');
  const fill = async (content: string, expected: Version) =>
    stage.fill(root, item('file.txt', content, { expected }), 'file.txt', signal);
  const currentVersion = async () => {
    const stat = await root.stat('file.txt');
    if (!stat) throw new Error('no file');
    return versionOf(stat);
  };

  beforeEach(async () => {
    directory = fs.mkdtempSync('/tmp/ferry-test-');
    fs.writeFileSync(path('file.txt'), 'old');
    root = await openSafeRoot(directory, { backend });
    stage = new Stage();
  });
  afterEach(async () => {
    await root.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('leaves an edit alone that is made between the check and the exchange', async () => {
    const staged = await fill('theirs', await currentVersion());
    let times = 0;
    const before = () => {
      if (times++ === 0) fs.writeFileSync(path('file.txt'), 'my edit');
    };
    const racing = { root: withRace(root, { before }), names, versions };
    await expect(
      publishOver(staged, staged.item.expected as Version, racing),
    ).rejects.toMatchObject({ code: 'CHANGED' });
    expect(text('file.txt')).toBe('my edit');
    expect(visible()).toEqual(['file.txt']);
    expect(fs.readdirSync(path(stage.folder))).toEqual([]);
  });

  it('leaves a file alone that is saved anew between the check and the exchange', async () => {
    const staged = await fill('theirs', await currentVersion());
    let times = 0;
    const before = () => {
      if (times++ > 0) return;
      fs.writeFileSync(path('new'), 'saved anew');
      fs.renameSync(path('new'), path('file.txt'));
    };
    const racing = { root: withRace(root, { before }), names, versions };
    await expect(
      publishOver(staged, staged.item.expected as Version, racing),
    ).rejects.toMatchObject({ code: 'CHANGED' });
    expect(text('file.txt')).toBe('saved anew');
    expect(visible()).toEqual(['file.txt']);
  });

  it('keeps both edits when one slips in on each side of the exchange', async () => {
    const staged = await fill('theirs', await currentVersion());
    let times = 0;
    const race = {
      before: () => {
        if (times === 0) fs.writeFileSync(path('file.txt'), 'first edit');
      },
      after: () => {
        if (times++ === 0) fs.writeFileSync(path('file.txt'), 'second edit');
      },
    };
    const racing = { root: withRace(root, race), names, versions };
    await expect(
      publishOver(staged, staged.item.expected as Version, racing),
    ).rejects.toMatchObject({ code: 'CHANGED' });
    expect(visible()).toHaveLength(2);
    const copy = visible().find((name) => name !== 'file.txt') ?? '';
    expect(copy).toMatch(CONFLICT_COPY);
    expect(new Set([text('file.txt'), text(copy)])).toEqual(new Set(['first edit', 'second edit']));
  });

  it('does not take an edit that follows at once for what it wrote', async () => {
    const staged = await fill('theirs', await currentVersion());
    const after = () => fs.writeFileSync(path('file.txt'), 'later edit');
    const racing = { root: withRace(root, { after }), names, versions };
    const { entry } = await publishOver(staged, staged.item.expected as Version, racing);
    expect(entry.version).not.toBe(await currentVersion());
    expect(text('file.txt')).toBe('later edit');
  });

  describe('when the process dies', () => {
    /** Makes the stage look like that of a process that is gone, and sweeps. */
    const dieAndSweep = async () => {
      fs.renameSync(path(stage.folder), path('.ferry/stage').concat(`/${deadName()}`));
      const options = { own: '', versions, clock: realClock, logger: quietLogger };
      await sweepStage(root, options);
      expect(fs.readdirSync(path('.ferry/stage'))).toEqual([]);
    };
    const deadName = () => {
      const [host, pid] = stage.folder.slice('.ferry/stage/'.length).split('.');
      return `${host}.${pid}.1.dead`;
    };
    const stored = () => {
      const runs = fs.existsSync(path('.ferry/versions'))
        ? fs.readdirSync(path('.ferry/versions'))
        : [];
      return runs.map((run) => text(`.ferry/versions/${run}/file.txt`));
    };

    it('before the exchange, only the unpublished file is removed', async () => {
      const staged = await fill('theirs', await currentVersion());
      await stage.journal(root, [staged]);
      await dieAndSweep();
      expect(text('file.txt')).toBe('old');
      expect(visible()).toEqual(['file.txt']);
      expect(stored()).toEqual([]);
    });

    it('after the exchange, the displaced version goes to the version store', async () => {
      const staged = await fill('theirs', await currentVersion());
      await stage.journal(root, [staged]);
      await root.rename(staged.stage, 'file.txt', 'exchange');
      await dieAndSweep();
      expect(text('file.txt')).toBe('theirs');
      expect(visible()).toEqual(['file.txt']);
      expect(stored()).toEqual(['old']);
    });

    it('after the exchange of an edited file, the edit becomes a conflict copy', async () => {
      const staged = await fill('theirs', await currentVersion());
      await stage.journal(root, [staged]);
      fs.writeFileSync(path('file.txt'), 'my edit');
      await root.rename(staged.stage, 'file.txt', 'exchange');
      await dieAndSweep();
      expect(text('file.txt')).toBe('theirs');
      const copy = visible().find((name) => CONFLICT_COPY.test(name)) ?? '';
      expect(text(copy)).toBe('my edit');
    });

    it('what a running process has staged is left alone', async () => {
      const staged = await fill('theirs', await currentVersion());
      await sweepStage(root, { own: '', versions, clock: realClock, logger: quietLogger });
      expect(text(staged.stage)).toBe('theirs');
    });
  });
});
