import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine } from '../../core/engine/pair-engine.ts';
import type { Direction, Side } from '../../core/model/entry.ts';
import { isNotice } from '../../core/model/problem.ts';
import type { Replica } from '../../core/ports.ts';
import { openFolderReplica } from '../../fs-adapter/folder/folder-replica.ts';
import { quietLogger, realClock } from './quiet.ts';
import type { ScenarioPair, ScenarioRun, ScenarioSide, UserEdit } from './scenario-steps.ts';
import { temporaryDirectory } from './temporary.ts';
import { type ReplicaWatch, watchedReplica } from './watched-replica.ts';

/** Folders of Ferry and of servers that are not the user's. */
const PRIVATE = new Set(['.ferry', '.DAV']);

/** The remote side of one pair: its replica, and the folder that it serves. */
export interface RemoteFolder {
  readonly directory: string;
  /** How the server shows a path of the folder, where that is another name. */
  shownAs?(path: string): string;
  open(): Promise<Replica>;
}

/** Opens a pair of a real folder and a remote whose folder can be reached as well. */
export async function openDiskScenario(
  direction: Direction,
  makeRemote: () => Promise<RemoteFolder>,
): Promise<ScenarioPair> {
  const base = await temporaryDirectory('ferry-scenario');
  const local = join(base.path, 'local');
  await fs.mkdir(local);
  const remote = await makeRemote();
  const pair = new DiskPair(direction, base, local, remote);
  return pair;
}

/** Opens a folder as a replica, without watching it. */
export function openFolder(absolutePath: string): Promise<Replica> {
  return openFolderReplica({
    absolutePath,
    deviceName: 'laptop',
    clock: realClock,
    logger: quietLogger,
  });
}

class DiskPair implements ScenarioPair {
  readonly sides: Readonly<Record<Side, ScenarioSide>>;
  readonly #direction: Direction;
  readonly #base: Awaited<ReturnType<typeof temporaryDirectory>>;
  readonly #local: string;
  readonly #remote: RemoteFolder;
  readonly #watch: ReplicaWatch = { changes: [], reads: [], failAfter: null };
  #open: { engine: PairEngine; replicas: readonly Replica[] } | null = null;

  constructor(
    direction: Direction,
    base: Awaited<ReturnType<typeof temporaryDirectory>>,
    local: string,
    remote: RemoteFolder,
  ) {
    this.#direction = direction;
    this.#base = base;
    this.#local = local;
    this.#remote = remote;
    this.sides = { local: diskSide(local), remote: diskSide(remote.directory, remote.shownAs) };
  }

  async sync(): Promise<ScenarioRun> {
    const { engine } = await this.#engine();
    this.#watch.changes.length = 0;
    const { complete, problems } = await engine.run({ allowDeletes: true, yes: true });
    return {
      changes: [...this.#watch.changes],
      complete,
      unholdable: problems.filter((problem) => isNotice(problem)).map(({ path }) => path),
      problems: problems.filter((problem) => !isNotice(problem)).map(({ message }) => message),
    };
  }

  async crash(after: number): Promise<void> {
    this.#watch.failAfter = after;
    // Where it ends does not matter, also not when it was shorter than that.
    await this.sync().catch(() => undefined);
    this.#watch.failAfter = null;
  }

  async restart(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.engine.close();
    for (const replica of open?.replicas ?? []) await replica.close();
  }

  async close(): Promise<void> {
    await this.restart();
    await this.#base.close();
    await fs.rm(this.#remote.directory, { recursive: true, force: true });
  }

  async #engine(): Promise<{ engine: PairEngine }> {
    if (this.#open !== null) return this.#open;
    const local = await openFolder(this.#local);
    const remote = await this.#remote.open();
    const engine = await createPairEngine({
      settings: {
        name: 'scenario',
        direction: this.#direction,
        deletes: 'propagate',
        mirror: false,
        ignore: [],
        maxDeleteFraction: 0.25,
        trustTimes: false,
        deviceName: 'laptop',
      },
      local: watchedReplica('local', local, this.#watch),
      remote: watchedReplica('remote', remote, this.#watch),
      recordsDirectory: join(this.#base.path, 'records'),
      clock: realClock,
      logger: quietLogger,
    });
    this.#open = { engine, replicas: [local, remote] };
    return this.#open;
  }
}

/** A folder as a user sees it, whoever serves it. */
export function diskSide(
  directory: string,
  shownAs: (path: string) => string = (path) => path,
): ScenarioSide {
  const at = (path: string): string => join(directory, path);
  return {
    apply: (edit) => applyOnDisk(edit, at),
    async snapshot() {
      const found: Record<string, string> = {};
      await draw(directory, '', found);
      return Object.fromEntries(
        Object.entries(found).map(([path, content]) => [shownAs(path), content]),
      );
    },
  };
}

async function draw(directory: string, path: string, found: Record<string, string>): Promise<void> {
  for (const item of await fs.readdir(join(directory, path), { withFileTypes: true })) {
    if (PRIVATE.has(item.name)) continue;
    const at = path === '' ? item.name : `${path}/${item.name}`;
    const shown = at.normalize('NFC');
    if (item.isSymbolicLink()) found[shown] = `-> ${await fs.readlink(join(directory, at))}`;
    if (item.isFile()) found[shown] = await fs.readFile(join(directory, at), 'utf8');
    if (!item.isDirectory()) continue;
    found[shown] = '/';
    await draw(directory, at, found);
  }
}

/** Servers may run as other users: everything is open to all. */
async function makeParents(absolutePath: string): Promise<void> {
  const missing: string[] = [];
  for (let above = dirname(absolutePath); ; above = dirname(above)) {
    const isThere = await fs.stat(above).then(
      () => true,
      () => false,
    );
    if (isThere) break;
    missing.push(above);
  }
  for (const directory of missing.reverse()) {
    await fs.mkdir(directory);
    await fs.chmod(directory, 0o777);
  }
}

async function applyOnDisk(edit: UserEdit, at: (path: string) => string): Promise<void> {
  const target = at(edit[1]);
  switch (edit[0]) {
    case 'write':
      await makeParents(target);
      await fs.writeFile(target, edit[2]);
      return fs.chmod(target, 0o666);
    case 'remove':
      return fs.rm(target, { recursive: true });
    case 'make':
      return makeParents(join(target, 'any'));
    case 'link':
      await makeParents(target);
      await fs.rm(target, { force: true });
      return fs.symlink(edit[2], target);
    case 'move':
      await makeParents(at(edit[2]));
      return fs.rename(target, at(edit[2]));
    case 'swap':
      await fs.rename(target, at('spare'));
      await fs.rename(at(edit[2]), target);
      return fs.rename(at('spare'), at(edit[2]));
    case 'touch': {
      const time = new Date(Date.now() - 3_600_000);
      return fs.utimes(target, time, time);
    }
  }
}
