import { describe, expect, it } from '@jest/globals';
import { SideView, staysInside } from '../../../core/engine/side-view.ts';
import type { ContentHash, FileEntry, Version } from '../../../core/model/entry.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import type { PairRecord } from '../../../core/records/record.ts';
import { createMemoryReplica } from '../../../remotes/memory/memory-replica.ts';

const { capabilities } = createMemoryReplica();
const HASH = 'ab'.repeat(32) as ContentHash;

const recorded: PairRecord = {
  id: 7,
  parentId: 0,
  name: 'a',
  kind: 'file',
  sizeBytes: 3,
  hash: HASH,
  local: { version: 'v1' as Version, identity: 'i1', mtimeNs: 5n },
  remote: { version: 'r1' as Version },
};

function viewOf(entry: Partial<FileEntry>, limits: Partial<typeof capabilities> = {}): SideView {
  const view = new SideView({
    side: 'local',
    recordsByPath: new Map([[parseSyncPath('a'), recorded]]),
    ownCapabilities: capabilities,
    otherCapabilities: { ...capabilities, ...limits },
    knownHash: () => undefined,
    ignoresAnnouncedHashes: false,
    fingerprints: new Map(),
    quietEntries: 0,
  });
  const file = {
    path: parseSyncPath('a'),
    kind: 'file',
    version: 'v1' as Version,
    sizeBytes: 3,
    mtimeNs: 5n,
    ...entry,
  } as const;
  view.add([{ type: 'entry', entry: file }]);
  return view;
}

describe('staysInside', () => {
  it.each([
    ['link', 'file', true],
    ['a/link', '../file', true],
    ['a/b/link', '../../c/./d', true],
    ['a/link', '..', true],
    ['link', '.', true],
    ['link', '..', false],
    ['a/link', '../..', false],
    ['a/link', '../../root/file', false],
    ['a/link', 'b/../../../x', false],
    ['link', '/etc/passwd', false],
    ['link', 'a\0b', false],
    ['link', '..name/x', true],
  ])('says of %s -> %s: %s', (path, target, answer) => {
    expect(staysInside(parseSyncPath(path), target)).toBe(answer);
  });
});

describe('SideView', () => {
  const at = parseSyncPath('a');

  it('takes the recorded content for a version that is the recorded one', () => {
    expect(viewOf({}).tokenAt(at)).toBe(HASH);
  });

  it('knows nothing of the content of another version, however equal size and time are', () => {
    expect(viewOf({ version: 'v2' as Version }).tokenAt(at)).toBeNull();
  });

  it('takes the recorded content along with a file that was renamed and is otherwise as it was', () => {
    const path = parseSyncPath('b');
    const moved = viewOf({ path, version: 'v2' as Version, identity: 'i1' });
    expect(moved.tokenAt(path)).toBe(HASH);
    const edited = viewOf({ path, version: 'v2' as Version, identity: 'i1', mtimeNs: 6n });
    expect(edited.tokenAt(path)).toBeNull();
  });

  it('leaves out what the other side cannot hold, and says why', () => {
    const view = viewOf({ path: parseSyncPath('é'.repeat(100)) }, { maxNameBytes: 143 });
    expect(view.problems).toMatchObject([{ code: 'NAME_NOT_ALLOWED', retry: 'never' }]);
    expect(view.tree.nodes.size).toBe(0);
    expect(view.tree.frozen.size).toBe(1);
  });

  it('marks all directories above an ignored entry', () => {
    const view = viewOf({});
    for (const path of ['d', 'd/e', 'f'].map(parseSyncPath))
      view.add([{ type: 'entry', entry: { path, kind: 'directory', version: 'd' as Version } }]);
    view.noteIgnored(parseSyncPath('d/e/x.tmp'));
    view.finish();
    const marked = [...view.tree.nodes.values()].filter((node) => node.holdsIgnored === true);
    expect(marked.map(({ path }) => path)).toEqual(['d', 'd/e']);
  });
});
