import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunSummary } from '../../core/engine/pair-engine.ts';
import type { PairSettings } from '../../core/engine/pair-settings.ts';
import type { Side } from '../../core/model/entry.ts';
import type { KeepVersions } from '../../core/model/keep-versions.ts';
import type { Clock, Replica } from '../../core/ports.ts';
import { openFolderReplica } from '../../fs-adapter/folder/folder-replica.ts';
import { quietLogger } from './quiet.ts';
import { temporaryDirectory } from './temporary.ts';

export interface FolderPairOptions {
  readonly settings?: Partial<PairSettings>;
  readonly keepVersions?: KeepVersions;
  /** Wraps the sides, as to make one fail. */
  readonly wrap?: (side: Side, replica: Replica) => Replica;
}

/** A pair of two real folders, with a clock that the test turns. */
export class FolderPair {
  readonly engine: PairEngine;
  readonly roots: Readonly<Record<Side, string>>;
  /** Added to the real time. */
  aheadMs: number;
  readonly #close: () => Promise<void>;

  private constructor(
    engine: PairEngine,
    roots: Readonly<Record<Side, string>>,
    ahead: { ms: number },
    close: () => Promise<void>,
  ) {
    this.engine = engine;
    this.roots = roots;
    this.#close = close;
    this.aheadMs = 0;
    Object.defineProperty(this, 'aheadMs', {
      get: () => ahead.ms,
      set: (ms: number) => {
        ahead.ms = ms;
      },
    });
  }

  static async open(options: FolderPairOptions = {}): Promise<FolderPair> {
    const base = await temporaryDirectory('ferry-folders');
    const roots = { local: join(base.path, 'local'), remote: join(base.path, 'remote') };
    const ahead = { ms: 0 };
    const clock: Clock = { now: () => Date.now() + ahead.ms, sleep: async () => undefined };
    const open = async (side: Side): Promise<Replica> => {
      await fs.mkdir(roots[side]);
      const replica = await openFolderReplica({
        absolutePath: roots[side],
        deviceName: side === 'local' ? 'laptop' : 'server',
        clock,
        logger: quietLogger,
        ...(options.keepVersions === undefined ? {} : { keepVersions: options.keepVersions }),
      });
      return options.wrap?.(side, replica) ?? replica;
    };
    const [local, remote] = [await open('local'), await open('remote')];
    const engine = await createPairEngine({
      settings: {
        name: 'folders',
        direction: 'two-way',
        deletes: 'propagate',
        mirror: false,
        ignore: [],
        maxDeleteFraction: 1,
        trustTimes: false,
        deviceName: 'laptop',
        ...options.settings,
      },
      local,
      remote,
      recordsDirectory: join(base.path, 'records'),
      clock,
      logger: quietLogger,
    });
    return new FolderPair(engine, roots, ahead, async () => {
      await engine.close();
      await local.close();
      await remote.close();
      await base.close();
    });
  }

  async sync(): Promise<RunSummary> {
    // Each run has a second of its own, as in life.
    this.aheadMs += 1000;
    return this.engine.run({ allowDeletes: true, yes: true });
  }

  async write(side: Side, path: string, content: string): Promise<void> {
    const file = join(this.roots[side], path);
    await fs.mkdir(dirname(file), { recursive: true });
    await fs.writeFile(file, content);
  }

  async move(side: Side, from: string, to: string): Promise<void> {
    const target = join(this.roots[side], to);
    await fs.mkdir(dirname(target), { recursive: true });
    await fs.rename(join(this.roots[side], from), target);
  }

  remove(side: Side, path: string): Promise<void> {
    return fs.rm(join(this.roots[side], path), { recursive: true });
  }

  /** What a user sees: contents by path, `/` for directories. */
  async tree(side: Side): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    const visit = async (at: string): Promise<void> => {
      const items = await fs.readdir(join(this.roots[side], at), { withFileTypes: true });
      for (const item of items.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (item.name === '.ferry') continue;
        const path = at === '' ? item.name : `${at}/${item.name}`;
        const absolutePath = join(this.roots[side], path);
        if (item.isSymbolicLink()) found[path] = `-> ${await fs.readlink(absolutePath)}`;
        else if (!item.isDirectory()) found[path] = await fs.readFile(absolutePath, 'utf8');
        else {
          found[path] = '/';
          await visit(path);
        }
      }
    };
    await visit('');
    return found;
  }

  close(): Promise<void> {
    return this.#close();
  }
}
