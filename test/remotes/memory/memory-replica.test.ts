import { describe, expect, test } from '@jest/globals';
import { FerryError } from '../../../core/model/errors.ts';
import { createMemoryReplica, type MemoryReplica } from '../../../remotes/memory/memory-replica.ts';
import { describeReplicaConformance } from '../../conformance/replica-conformance.ts';
import {
  at,
  type ConformanceSetting,
  expectChanged,
  item,
  observeAll,
  put,
  writeCode,
} from '../../conformance/setting.ts';

function settingOf(replica: MemoryReplica): ConformanceSetting {
  const { outside } = replica;
  return {
    replica,
    outside: {
      write: async (path, content) => outside.write(at(path), Buffer.from(content)),
      makeDirectory: async (path) => outside.makeDirectory(at(path)),
      read: async (path) => outside.read(at(path)),
      list: async (path) => outside.list(at(path)),
      remove: async (path) => outside.remove(at(path)),
    },
    settle: async () => {},
    close: () => replica.close(),
  };
}

describeReplicaConformance('memory', async () => settingOf(createMemoryReplica()));

describeReplicaConformance('memory that keeps little', async () =>
  settingOf(
    createMemoryReplica({
      identities: false,
      modes: false,
      symlinks: false,
      mtimePrecisionNs: null,
      caseSensitive: false,
    }),
  ),
);

describeReplicaConformance('memory with times in seconds', async () =>
  settingOf(createMemoryReplica({ mtimePrecisionNs: 1_000_000_000n })),
);

describe('memory replica', () => {
  test('the same calls give the same entries each time', async () => {
    const run = async () => {
      const replica = createMemoryReplica();
      await replica.makeDirectory(at('a'));
      await put(replica, 'a/b', '1');
      replica.outside.write(at('c/d'), Buffer.from('2'));
      return (await observeAll(replica)).entries;
    };
    expect(await run()).toEqual(await run());
  });

  test('a step can be made to fail, and then nothing has changed', async () => {
    let failing = false;
    const replica = createMemoryReplica({
      before() {
        if (failing) throw new FerryError('REMOTE_UNREACHABLE', 'cut');
      },
    });
    replica.outside.write(at('old'), Buffer.from('x'));
    failing = true;
    expect(await writeCode(replica, item('new', 'x'))).toBe('REMOTE_UNREACHABLE');
    expect((await observeAll(replica)).problems).toEqual(['old: REMOTE_UNREACHABLE']);
    expect(replica.outside.paths()).toEqual(['old']);
  });

  test('names that differ only in case are one name where case does not matter', async () => {
    const replica = createMemoryReplica({ caseSensitive: false });
    await put(replica, 'Name.txt', 'x');
    expect(await writeCode(replica, item('name.TXT', 'y'))).toBe('CHANGED');
    const { version } = (await replica.stat(at('NAME.txt'))) ?? {};
    if (version === undefined) throw new Error('not found');
    await replica.move(at('Name.txt'), at('NAME.txt'), { expected: version });
    expect((await observeAll(replica)).order).toEqual(['NAME.txt']);
  });

  test('edits from outside are hinted at', async () => {
    const replica = createMemoryReplica();
    const hints: string[] = [];
    const subscription = replica.changes$.subscribe((path) => hints.push(path));
    replica.outside.write(at('a/b'), Buffer.from('x'));
    replica.outside.move(at('a/b'), at('c'));
    subscription.unsubscribe();
    expect(new Set(hints)).toEqual(new Set(['a', 'a/b', 'c']));
  });

  test('a directory is not moved into itself', async () => {
    const replica = createMemoryReplica();
    await replica.makeDirectory(at('a'));
    await expect(replica.move(at('a'), at('a/b'), { expected: 'directory' })).rejects.toMatchObject(
      { code: 'NAME_NOT_ALLOWED' },
    );
    await expectChanged(replica.move(at('a'), at('none/b'), { expected: 'directory' }));
  });
});
