import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createPairEngine } from '../../core/engine/create-pair-engine.ts';
import type { PairEngine, RunSummary } from '../../core/engine/pair-engine.ts';
import type { Replica } from '../../core/ports.ts';
import { recordsHomeIn } from '../../core/records/records-home.ts';
import { probeWebdav } from '../../remotes/webdav/probe.ts';
import { openWebdavReplica } from '../../remotes/webdav/webdav-replica.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { openFolder } from '../support/disk-scenario.ts';
import { listTree } from '../support/file-trees.ts';
import { PLAIN_SETTINGS } from '../support/plain-settings.ts';
import { quietLogger, realClock } from '../support/quiet.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type ReplicaWatch, watchedReplica } from '../support/watched-replica.ts';
import { DAMAGES, type Pick } from './damage.ts';

/** What became of one damaged store. */
export interface TrialResult {
  readonly damage: string;
  readonly what: string;
  /** The store was found damaged, and both sides were compared. */
  readonly noticed: boolean;
  readonly deleted: number;
  /** Files that were transferred although both sides had their content. */
  readonly transferredEqual: number;
  /** Files whose content was read to compare. */
  readonly looked: number;
  /** Bodies of uploads that the server saw, beside those that were due. */
  readonly needlessPuts: number;
  /** What was not as it must be; empty when all is well. */
  readonly broken: readonly string[];
}

const FILES = 24;

/** A pair of a folder and the companion server, whose records are damaged again and again. */
export class DamagedPair {
  readonly #base: Awaited<ReturnType<typeof temporaryDirectory>>;
  readonly #server: RealServer;
  readonly #proxy: CountingProxy;
  readonly #probe: Awaited<ReturnType<typeof probeWebdav>>;
  readonly #watch: ReplicaWatch = { changes: [], reads: [], failAfter: null };
  #open: { engine: PairEngine; replicas: readonly Replica[] } | null = null;
  #edits = 0;

  private constructor(
    base: Awaited<ReturnType<typeof temporaryDirectory>>,
    server: RealServer,
    proxy: CountingProxy,
    probe: Awaited<ReturnType<typeof probeWebdav>>,
  ) {
    this.#base = base;
    this.#server = server;
    this.#proxy = proxy;
    this.#probe = probe;
  }

  static async open(): Promise<DamagedPair> {
    const server = await companion().start();
    const proxy = await startCountingProxy(server.url);
    const probe = await probeWebdav({
      url: server.url,
      ownerId: 'tests',
      clock: realClock,
      logger: quietLogger,
    });
    const pair = new DamagedPair(await temporaryDirectory('ferry-store'), server, proxy, probe);
    await fs.mkdir(pair.#local);
    for (let index = 0; index < FILES; index++)
      await pair.#write('local', `d${index % 5}/e${index % 3}/f${index}`);
    await pair.#sync();
    await pair.#keepEarlier();
    await pair.#history();
    return pair;
  }

  /** Damages the records while they are closed, lets users go on, and runs until all is quiet. */
  async trial(damage: string, pick: Pick): Promise<TrialResult> {
    await this.#close();
    // A store that is opened writes its log into a table: then there are both to damage.
    await (await recordsHomeIn(this.#records).open()).close();
    await this.#write('local', 'written in every trial');
    await this.#sync();
    await this.#close();
    const places = { home: this.#records, earlier: this.#earlier };
    const what = (await DAMAGES[damage]?.(places, pick)) ?? 'unknown damage';
    const wanted = await this.#edit(pick);
    this.#watch.changes.length = this.#watch.reads.length = 0;
    this.#proxy.clear();
    const broken: string[] = [];
    const summary = await this.#syncedAgain(broken);
    const writes = this.#watch.changes.filter((call) => call.startsWith('write '));
    const needless = writes.filter((call) => ![...wanted].some((path) => isAbout(call, path)));
    const looked = this.#watch.reads.length - writes.length;
    const puts = this.#proxy.uploads;
    const duePuts = writes.filter((call) => call.startsWith('write remote')).length;
    broken.push(...(await this.#check(wanted)));
    return {
      damage,
      what,
      noticed: await this.#wasNoticed(),
      deleted: summary ? summary.deletedLocal + summary.deletedRemote : 0,
      transferredEqual: needless.length,
      looked,
      needlessPuts: puts - duePuts,
      broken,
    };
  }

  async close(): Promise<void> {
    await this.#close();
    await this.#proxy.close();
    await this.#server.close();
    await this.#base.close();
  }

  get #local(): string {
    return join(this.#base.path, 'local');
  }

  get #records(): string {
    return join(this.#base.path, 'records');
  }

  get #earlier(): string {
    return join(this.#base.path, 'earlier');
  }

  async #keepEarlier(): Promise<void> {
    await this.#close();
    await fs.rm(this.#earlier, { recursive: true, force: true });
    await fs.cp(this.#records, this.#earlier, { recursive: true });
  }

  /** Some runs in which things came, went and moved, so that earlier records are about another tree. */
  async #history(): Promise<void> {
    const number = this.#edits++;
    await this.#write('local', `d1/new ${number}`);
    await this.#write('remote', `history/${number}/f`);
    await this.#sync();
    await fs.rename(join(this.#local, `d1/new ${number}`), join(this.#local, `moved ${number}`));
    await fs.rm(join(this.#server.directory, `history/${number}`), { recursive: true });
    await this.#sync();
  }

  async #write(side: 'local' | 'remote', path: string): Promise<string> {
    const absolutePath = join(side === 'local' ? this.#local : this.#server.directory, path);
    await fs.mkdir(dirname(absolutePath), { recursive: true });
    await fs.writeFile(absolutePath, `${side} ${path} ${this.#edits++}`);
    return path;
  }

  /** Returns the paths that users have changed; in half of the trials there are none. */
  async #edit(pick: Pick): Promise<ReadonlySet<string>> {
    if (pick(2) === 0) return new Set();
    const number = this.#edits;
    const old = pick(FILES);
    return new Set([
      await this.#write('local', `d0/here ${number}`),
      await this.#write('remote', `d0/there ${number}`),
      await this.#write(pick(2) === 0 ? 'local' : 'remote', `d${old % 5}/e${old % 3}/f${old}`),
    ]);
  }

  async #sync(): Promise<RunSummary> {
    this.#open ??= await this.#opened();
    return this.#open.engine.run();
  }

  async #syncedAgain(broken: string[]): Promise<RunSummary | null> {
    try {
      const summary = await this.#sync();
      if (!summary.complete) broken.push('the run was not complete');
      for (const { message } of summary.problems) broken.push(message);
      const before = this.#watch.changes.length;
      await this.#sync();
      const later = this.#watch.changes.splice(before);
      if (later.length > 0) broken.push(`the next run changed ${later.join(', ')}`);
      return summary;
    } catch (error) {
      broken.push(`the run failed: ${error instanceof Error ? error.message : error}`);
      await this.#close();
      return null;
    }
  }

  async #check(wanted: ReadonlySet<string>): Promise<readonly string[]> {
    const [local, remote] = [await listTree(this.#local), await listTree(this.#server.directory)];
    const broken: string[] = [];
    for (const path of new Set([...Object.keys(local), ...Object.keys(remote)]))
      if (local[path] !== remote[path]) broken.push(`${path} differs`);
    for (const path of wanted) if (local[path] === undefined) broken.push(`${path} is missing`);
    for (let index = 0; index < FILES; index++)
      if (local[`d${index % 5}/e${index % 3}/f${index}`] === undefined)
        broken.push(`file ${index} is missing`);
    return broken;
  }

  async #wasNoticed(): Promise<boolean> {
    const names = await fs.readdir(this.#records);
    const aside = names.filter((name) => name.endsWith('.damaged'));
    for (const name of aside) await fs.rm(join(this.#records, name), { recursive: true });
    return aside.length > 0;
  }

  async #opened(): Promise<{ engine: PairEngine; replicas: readonly Replica[] }> {
    const local = await openFolder(this.#local);
    const remote = await openWebdavReplica({
      url: this.#proxy.url,
      probe: this.#probe,
      ownerId: 'tests',
      clock: realClock,
      logger: quietLogger,
    });
    const engine = await createPairEngine({
      settings: PLAIN_SETTINGS,
      local: watchedReplica('local', local, this.#watch),
      remote: watchedReplica('remote', remote, this.#watch),
      recordsDirectory: this.#records,
      clock: realClock,
      logger: quietLogger,
    });
    return { engine, replicas: [local, remote] };
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.engine.close();
    for (const replica of open?.replicas ?? []) await replica.close();
  }
}

/** Tells whether a call is about a path or a conflict copy of what is there. */
function isAbout(call: string, path: string): boolean {
  return call.endsWith(` ${path}`) || call.includes(` ${path} (conflict `);
}
