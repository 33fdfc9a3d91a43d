import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import { blankRow, EMPTY_FILE, ROOT_ID } from '../../../fs-adapter/cache/drive-node.ts';
import {
  type DriveRow,
  decodeRow,
  digestOfRow,
  encodeRow,
} from '../../../fs-adapter/cache/drive-row.ts';
import { openDriveStore } from '../../../fs-adapter/cache/drive-store.ts';
import type { DriveEntry, DriveTree, NewEntry } from '../../../fs-adapter/cache/drive-tree.ts';
import { withAttribute } from '../../../fs-adapter/cache/kept-attributes.ts';
import { FUSE_NATIVE_KIND } from '../../../fs-adapter/mount/fuse-native-kind.ts';
import { NATIVE_KIND } from '../../../fs-adapter/mount/native-kind.ts';
import type { TreeKind } from '../../../fs-adapter/mount/shown-tree.ts';
import { loadDriveAddon } from '../../../native/drive-addon.ts';
import { at } from '../../conformance/setting.ts';
import { QUIET, steppingClock } from '../../support/drive-on-disk.ts';

const hasAddon = loadDriveAddon() !== null;
if (!hasAddon) process.stderr.write('skipped: the addon that shows drives is not built\n');
const describeBoth = hasAddon ? describe : describe.skip;

const CONTENT = {
  sizeBytes: 200_000,
  source: 'version "ä"' as Version,
  hash: 'c0ffee00'.repeat(8) as ContentHash,
  mtimeNs: -5n,
  mode: 0o640,
  staged: null,
};

describeBoth('a drive that one kind of tree has left', () => {
  async function withTree<T>(
    kind: TreeKind,
    stateDirectory: string,
    work: (tree: DriveTree) => T | Promise<T>,
  ): Promise<T> {
    const { tree } = await kind.open({
      stateDirectory,
      readOnly: false,
      allowSymlinks: true,
      stallMs: 1000,
      need: () => Promise.reject(new Error('nothing is read here')),
      clock: steppingClock(),
      logger: QUIET,
    });
    try {
      return await work(tree);
    } finally {
      await tree.close();
    }
  }

  /** Makes a bit of everything that sync can make, with parts of a content and a file as a whole. */
  async function fill(tree: DriveTree): Promise<void> {
    const put = (directoryId: number, entry: NewEntry): DriveEntry =>
      tree.insert(directoryId, entry);
    const root = tree.find(at(''))?.id ?? 0;
    const folder = put(root, { kind: 'directory', name: 'földer', mode: 0o750 }).id;
    put(folder, { kind: 'symlink', name: 'link', target: '../ä' });
    const { id } = put(folder, { ...CONTENT, kind: 'file', name: 'partly 🚢' });
    const target = tree.fillTarget(id);
    if (target === null) throw new Error('nothing to fill');
    await fs.writeFile(target.backingPath, Buffer.alloc(CONTENT.sizeBytes, 'x'));
    tree.filled(id, target.generation, { offset: 65_536, length: 65_536 });
    const { backing, path } = tree.newBacking();
    await fs.writeFile(path, 'whole');
    const stampNs = (await fs.stat(path, { bigint: true })).mtimeNs;
    const staged = { backing, stampNs };
    put(root, { ...CONTENT, kind: 'file', name: 'whole', sizeBytes: 5, staged });
    tree.setPinned(folder, true);
    const counted = tree.find(at('whole'));
    tree.setMetadata(counted?.id ?? 0, counted?.counter ?? 0, { mode: 0o600 });
    // Parts are noted a moment after they came, once they are durable.
    await new Promise((resolve) => setTimeout(resolve, 700));
  }

  function all(tree: DriveTree): Record<string, unknown> {
    const found: Record<string, unknown> = { identity: tree.identity, bytes: tree.storedBytes };
    const enter = (id: number): void => {
      for (const entry of tree.children(id)) {
        found[tree.pathOf(entry.id) ?? entry.id] = { ...entry, usedAtMs: 0 };
        enter(entry.id);
      }
    };
    enter(tree.find(at(''))?.id ?? 0);
    return found;
  }

  for (const [first, second] of [
    [NATIVE_KIND, FUSE_NATIVE_KIND],
    [FUSE_NATIVE_KIND, NATIVE_KIND],
  ] as const)
    test(`is the same in the other: ${first.name}, then ${second.name}, and back`, async () => {
      const directory = await fs.mkdtemp(join(tmpdir(), 'ferry-kinds-'));
      try {
        await withTree(first, directory, fill);
        const left = await withTree(first, directory, all);
        expect(left).toMatchObject({ bytes: 65_536 + 5 });
        expect(await withTree(second, directory, all)).toEqual(left);
        const taken = await withTree(second, directory, async (tree) => {
          tree.remove(tree.find(at('whole'))?.id ?? 0, tree.find(at('whole'))?.counter ?? 0);
          return all(tree);
        });
        expect(await withTree(first, directory, all)).toEqual(taken);
      } finally {
        await fs.rm(directory, { recursive: true, force: true });
      }
    });

  for (const kind of [NATIVE_KIND, FUSE_NATIVE_KIND])
    test(`keeps what programs attached to it: ${kind.name}`, async () => {
      const directory = await fs.mkdtemp(join(tmpdir(), 'ferry-kinds-'));
      try {
        const attributes = withAttribute(null, 'user.tag', Buffer.from('ä'), null);
        const file = { ...blankRow(2, 'file', 0o644, 0), ...EMPTY_FILE, attributes };
        await leave(directory, [encodeRow(file, ROOT_ID)]);
        await withTree(kind, directory, (tree) => {
          tree.setMetadata(2, 0, { mode: 0o600 });
        });
        const left = (await rowsIn(directory)).find(({ id }) => id === 2);
        expect(left).toMatchObject({ mode: 0o600, attributes });
      } finally {
        await fs.rm(directory, { recursive: true, force: true });
      }
    });
});

async function leave(stateDirectory: string, rows: readonly Buffer[]): Promise<void> {
  const store = await openDriveStore(stateDirectory);
  const digest = rows.reduce((sum, row) => (sum + digestOfRow(row)) >>> 0, 0);
  await store.write(rows, [], { count: rows.length, digest, nextId: rows.length + 2 });
  await store.setIdentity('left');
  await store.close();
}

async function rowsIn(stateDirectory: string): Promise<readonly DriveRow[]> {
  const store = await openDriveStore(stateDirectory);
  const rows: DriveRow[] = [];
  for await (const batch of store.rows()) for (const row of batch) rows.push(decodeRow(row).row);
  await store.close();
  return rows;
}
