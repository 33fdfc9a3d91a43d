import { describe, expect, it } from '@jest/globals';
import { checkGuardFile, checkNetEffect } from '../../../core/engine/guards.ts';
import { SideView } from '../../../core/engine/side-view.ts';
import type { Side, Version } from '../../../core/model/entry.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import type { PlanCounts } from '../../../core/reconcile/plan.ts';
import { createMemoryReplica } from '../../../remotes/memory/memory-replica.ts';
import { PLAIN_SETTINGS } from '../../support/plain-settings.ts';

const settings = PLAIN_SETTINGS;
const NO_COUNTS: PlanCounts = {
  deletedLocal: 0,
  deletedRemote: 0,
  modifiedLocal: 0,
  modifiedRemote: 0,
  conflicts: 0,
  destinationOnly: 0,
  changedHere: 0,
  removedHere: 0,
};

function viewOf(side: Side, names: readonly string[]): SideView {
  const { capabilities } = createMemoryReplica();
  const view = new SideView({
    side,
    recordsByPath: new Map(),
    ownCapabilities: capabilities,
    otherCapabilities: capabilities,
    knownHash: () => undefined,
    ignoresAnnouncedHashes: false,
    fingerprints: new Map(),
    quietEntries: 0,
  });
  for (const name of names) {
    const entry = {
      path: parseSyncPath(name),
      kind: 'directory',
      version: 'd' as Version,
    } as const;
    view.add([{ type: 'entry', entry }]);
  }
  return view;
}

interface Effect extends Partial<PlanCounts> {
  readonly recorded?: number;
  readonly allowDeletes?: boolean;
  readonly yes?: boolean;
  readonly isFirstPass?: boolean;
  readonly remoteNames?: readonly string[];
}

function check(effect: Effect): () => void {
  const { recorded = 100, allowDeletes = false, yes = false, isFirstPass = true } = effect;
  const { remoteNames = ['x'], ...counts } = effect;
  return () =>
    checkNetEffect({
      plan: {
        nodes: [],
        operations: { local: [], remote: [] },
        undecided: [],
        problems: [],
        counts: { ...NO_COUNTS, ...counts },
      },
      views: { local: viewOf('local', ['x']), remote: viewOf('remote', remoteNames) },
      recordedEntries: recorded,
      recordedFiles: recorded,
      settings,
      allowDeletes,
      yes,
      isFirstPass,
    });
}

describe('checkNetEffect', () => {
  it('asks from more than a quarter and more than 20 deletions on', () => {
    expect(check({ deletedLocal: 25 })).not.toThrow();
    expect(check({ deletedLocal: 26 })).toThrow(/26 of 100 entries would be deleted/);
    expect(check({ deletedRemote: 20, recorded: 21 })).not.toThrow();
    expect(check({ deletedRemote: 21, recorded: 22 })).toThrow(/on the remote/);
    expect(check({ deletedLocal: 26, allowDeletes: true })).not.toThrow();
    expect(check({ deletedLocal: 26, yes: true })).toThrow();
  });

  it('asks about any deletion when the side that seems to have deleted is empty', () => {
    expect(check({ deletedLocal: 1, remoteNames: [] })).toThrow(/the remote is empty/);
    expect(check({ deletedRemote: 1, remoteNames: [] })).not.toThrow();
  });

  it('asks when more than half of at least 50 files would be replaced, or more than 20 are conflicts', () => {
    expect(check({ modifiedLocal: 50 })).not.toThrow();
    expect(check({ modifiedLocal: 51 })).toThrow(/51 of 100 files would be replaced/);
    expect(check({ modifiedLocal: 49, recorded: 50 })).not.toThrow();
    expect(check({ modifiedLocal: 50, recorded: 50 })).toThrow(/50 of 50 files/);
    expect(check({ conflicts: 20 })).not.toThrow();
    expect(check({ conflicts: 21 })).toThrow(/21 files were changed on both sides/);
    expect(check({ conflicts: 21, yes: true })).not.toThrow();
    expect(check({ conflicts: 21, allowDeletes: true })).toThrow();
  });

  it('does not claim that nothing was changed when an earlier pass of the run has changed something', () => {
    expect(check({ deletedLocal: 26 })).toThrow(/Nothing was changed/);
    expect(check({ deletedLocal: 26, isFirstPass: false })).toThrow(/Nothing more was changed/);
  });
});

describe('checkGuardFile', () => {
  const local = createMemoryReplica();
  local.outside.write(parseSyncPath('disk/id.txt'), Buffer.from('disk number 7'));
  const guarded = (path: string, pattern?: string): Promise<void> =>
    checkGuardFile(local, {
      ...settings,
      guardFile: { path, ...(pattern === undefined ? {} : { pattern }) },
    });

  it('lets a run go on when the file is there and has the content', async () => {
    await guarded('disk/id.txt');
    await guarded('disk/id.txt', '^disk number \\d$');
  });

  it('stops when it is missing, is a directory, or has another content', async () => {
    await expect(guarded('no.txt')).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    await expect(guarded('disk')).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    await expect(guarded('disk/id.txt', 'number 8')).rejects.toMatchObject({
      code: 'GUARD_STOPPED',
    });
  });

  it('calls a pattern that is none, or a path above the root, a mistake in the configuration', async () => {
    await expect(guarded('disk/id.txt', '(')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(guarded('../id.txt')).rejects.toMatchObject({ code: 'NAME_NOT_ALLOWED' });
  });
});
