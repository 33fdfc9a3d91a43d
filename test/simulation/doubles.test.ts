import { parseSyncPath } from '../../core/model/path.ts';
import { describeReplicaConformance } from '../conformance/replica-conformance.ts';
import type { ConformanceSetting } from '../conformance/setting.ts';
import { Audit } from './audit.ts';
import { bytesOf, textOf } from './contents.ts';
import { Oracle } from './oracle.ts';
import { Scheduler } from './scheduler.ts';
import { openSimLocal, SimDisk } from './sim-local.ts';
import { openSimRemote, type ServerTraits, SimServer } from './sim-remote.ts';
import type { SimReplica } from './sim-replica.ts';
import { Trace } from './trace.ts';
import type { Inode, Tree } from './tree.ts';
import { carryOutUser } from './users.ts';

/** Carries out each call at once: there is nothing else that could happen. */
class AtOnce extends Scheduler {
  override async call<T>(_target: string, _label: string, perform: () => T): Promise<T> {
    this.advance(1);
    return perform();
  }
}

const FULL: ServerTraits = {
  identities: true,
  hashes: true,
  symlinks: true,
  modes: true,
  mtimePrecisionNs: 1n,
  rootId: true,
  feed: 'sure',
};
const POOR: ServerTraits = {
  identities: false,
  hashes: false,
  symlinks: false,
  modes: false,
  mtimePrecisionNs: null,
  rootId: false,
  feed: 'none',
};

function settingOf(replica: SimReplica, tree: Tree): ConformanceSetting {
  const world = { trees: { local: tree, remote: tree }, oracle: new Oracle() };
  const side = 'local';
  return {
    replica,
    outside: {
      async write(path, content) {
        const text = textOf([typeof content === 'string' ? Buffer.from(content) : content]);
        carryOutUser({ do: 'write', side, path: parseSyncPath(path), text }, world);
      },
      async makeDirectory(path) {
        carryOutUser({ do: 'mkdir', side, path: parseSyncPath(path) }, world);
      },
      async read(path) {
        const node = tree.at(path);
        return node?.kind === 'file' ? bytesOf(node.text) : null;
      },
      list: async (path) => [...((tree.at(path) as Inode | undefined)?.children.keys() ?? [])],
      async remove(path) {
        carryOutUser({ do: 'remove', side, path }, world);
      },
    },
    settle: async () => {},
    close: () => replica.close(),
  };
}

describeReplicaConformance('simulated folder', async () => {
  const scheduler = new AtOnce(new Trace(false));
  const disk = new SimDisk(() => scheduler.now());
  return settingOf(openSimLocal({ disk, scheduler, audit: new Audit(), lanes: 4 }), disk.tree);
});

for (const [name, traits] of [
  ['simulated server', FULL],
  ['simulated server that keeps little', POOR],
] as const)
  describeReplicaConformance(name, async () => {
    const scheduler = new AtOnce(new Trace(false));
    const server = new SimServer(traits, () => scheduler.now());
    const replica = openSimRemote({ server, scheduler, audit: new Audit(), lanes: 4 });
    return { ...settingOf(replica, server.tree), listingsNeverAlike: true };
  });
