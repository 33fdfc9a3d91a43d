import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { CAPABLE_REMOTE, SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;
afterEach(() => world.close());

beforeEach(async () => {
  const [local, remote] = [{ fingerprints: true }, { ...CAPABLE_REMOTE, fingerprints: true }];
  world = await SyncWorld.open({ direction: 'two-way', local, remote });
  world.write('local', 'd/a', 'one');
  world.write('local', 'd/b~', 'ignored');
  await world.sync();
  await world.sync();
});

function failing(operation: string, path: string): void {
  world.onCall = (_side, called, at) => {
    if (called === operation && at === path)
      throw new FerryError('LOCAL_BUSY', `${at}: in use`, { path: at });
  };
}

describe('what could not be synced', () => {
  it('is tried again although its directory has not changed since', async () => {
    world.write('local', 'd/new', 'new');
    failing('write', 'd/new');
    await world.sync();
    world.onCall = null;
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'd/new': 'new' });
  });

  it('is a deletion that is tried again, too', async () => {
    world.remove('local', 'd/a');
    failing('remove', 'd/a');
    await world.sync();
    world.onCall = null;
    await world.sync();
    expect(world.snapshot('remote')).not.toHaveProperty('d/a');
  });

  it('is named in each run, also when nothing has changed', async () => {
    const name = `d/${'long'.repeat(64)}`;
    world.write('local', name, 'too long a name');
    for (let run = 0; run < 3; run++)
      expect((await world.sync()).problems).toMatchObject([{ path: name }]);
  });

  it('is looked at again although its directory has not changed since', async () => {
    world.write('local', 'd/new', 'new');
    failing('observe', 'd/new');
    await world.sync();
    world.onCall = null;
    await world.sync();
    expect(world.snapshot('remote')).toMatchObject({ 'd/new': 'new' });
  });

  it('keeps a reset from being complete', async () => {
    world.remove('local', 'd/a');
    failing('write', 'd/a');
    await world.reset();
    expect((await world.engine()).state.resetting).toBe(true);
    world.onCall = null;
    await world.sync();
    expect((await world.engine()).state.resetting).toBe(false);
  });
});

describe('a reset that waits for an entry', () => {
  it('deletes nothing meanwhile, on neither side', async () => {
    world.write('remote', 'd/waits', 'waits');
    failing('write', 'd/waits');
    await world.reset();
    world.remove('remote', 'd/a');
    expect(await world.sync()).toMatchObject({ deletedLocal: 0 });
    expect((await world.engine()).state.resetting).toBe(true);
    expect(world.snapshot('local')).toMatchObject({ 'd/a': 'one' });
  });
});

describe('what is known of a directory', () => {
  it('includes what is ignored in it, when only the other side has changed', async () => {
    world.remove('remote', 'd');
    const { local } = world.sides;
    const observe = local.observe.bind(local);
    // A side that knows its listing does not look which names in it are ignored.
    local.observe = (options) => observe({ ...options, onIgnored: () => undefined });
    expect(await world.sync()).toMatchObject({ complete: true, problems: [], deletedLocal: 1 });
    expect(world.snapshot('local')).toEqual({ d: '/', 'd/b~': 'ignored' });
  });

  it('does not spare a reset the contents, whatever hash a server announces', async () => {
    await world.reset();
    expect(world.costs()).toContain('read remote d/a');
  });
});
