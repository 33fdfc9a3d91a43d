import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import type { Replica } from '../../../core/ports.ts';
import { systemClock } from '../../../daemon/system-clock.ts';
import { ContentHydrations } from '../../../fs-adapter/cache/content-hydrations.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { at } from '../../conformance/setting.ts';
import { QUIET } from '../../support/drive-on-disk.ts';
import { FillTree } from '../../support/fill-tree.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const MIB = 1024 * 1024;
const SIZE = 12 * MIB;

describe('a file that is edited in place on the other side while it is fetched', () => {
  const older = randomBytes(SIZE);
  const newer = randomBytes(SIZE);
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let remote: Replica;
  let tree: FillTree;
  let hydrations: ContentHydrations;
  let version: Version;
  /** Called before each piece is handed on, with where it ends. */
  let onPiece: (position: number) => Promise<void>;

  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-two-versions');
    const absolutePath = join(folder.path, 'remote');
    await fs.mkdir(absolutePath);
    await fs.mkdir(join(folder.path, 'cache'));
    await fs.writeFile(join(absolutePath, 'film'), older);
    remote = await openFolderReplica({
      absolutePath,
      deviceName: 'test',
      clock: systemClock,
      logger: QUIET,
    });
    version = (await remote.stat(at('film')))?.version ?? ('' as Version);
    onPiece = async () => {};
    tree = new FillTree(join(folder.path, 'cache'));
    hydrations = new ContentHydrations({
      tree,
      clock: systemClock,
      logger: QUIET,
      stallMs: 5000,
      onOutdated: () => {},
      fetch: async (path, _, { range, signal }) => {
        const options = { expected: version, signal, ...(range === undefined ? {} : { range }) };
        const content = await remote.read(path, options);
        async function* watched(): AsyncIterable<Uint8Array> {
          let position = range?.offset ?? 0;
          for await (const piece of content.stream) {
            position += piece.length;
            await onPiece(position);
            yield piece;
          }
        }
        return { ...content, stream: watched() };
      },
    });
  });
  afterEach(async () => {
    hydrations.close();
    await remote.close();
    await folder.close();
  });

  test('is never here as a mix of both, also where a request is cut short for another one', async () => {
    const id = tree.add('film', SIZE);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isHeld = false;
    onPiece = async (position) => {
      if (isHeld || position > 8 * MIB) return;
      isHeld = true;
      await released;
    };
    const whole = hydrations.hydrate(id, { urgency: 'background' });
    whole.catch(() => undefined);
    while (!isHeld) await new Promise(setImmediate);
    // A program does not wait for that: what it reads is fetched by a request of its own, to the end.
    for (let offset = 8 * MIB; offset < SIZE; offset += MIB)
      await hydrations.need({ id, offset, length: MIB, pid: 0, isForWrite: false });
    const file = await fs.open(join(folder.path, 'remote', 'film'), 'r+');
    await file.write(newer);
    await file.close();
    release();
    await whole.catch(() => undefined);
    const isComplete = tree.isComplete(id);
    const content = tree.content(id);
    expect(isComplete && !content.equals(older)).toBe(false);
    expect(tree.missing(id, { offset: 0, length: SIZE })).not.toEqual([]);
  });
});
