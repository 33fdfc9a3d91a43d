import type { Direction, Side } from '../../core/model/entry.ts';
import { TEMPORARY_PREFIX } from '../../core/model/path.ts';
import { decodeRecord, type PairRecord, RECORD_PREFIX } from '../../core/records/record.ts';
import { difference, isFileText, isSamePicture, type Picture } from './picture.ts';
import { masterOf, type RunOutcome, type SimWorld } from './world.ts';

/** I6: a content that nobody gave up is where its user sees it; the version store does not count. */
export function visibleContents(world: SimWorld): string[] {
  // A mirror is asked for: what only the destination has goes into the version store.
  if (world.configuration.mirror && world.direction === 'remote-to-local') return [];
  const { local, remote } = world.pictures();
  return world.oracle
    .missingFrom(local, remote)
    .map((text) => `I6: nobody gave up ${text}, and nobody sees it any more`);
}

/** I8: both sides are equal, or the destination holds all that the master has and nobody changed there. */
export function convergence(world: SimWorld): string[] {
  const { local, remote } = world.pictures();
  const master = masterOf(world.direction);
  if (master === null || (world.configuration.mirror && master === 'remote'))
    return isSamePicture(local, remote) ? [] : [`I8: sides differ: ${difference(local, remote)}`];
  const destination: Side = master === 'local' ? 'remote' : 'local';
  const [given, found] = master === 'local' ? [local, remote] : [remote, local];
  const arrived = new Set(found.values());
  return [...given]
    .filter(([, drawn]) => isFileText(drawn) && !arrived.has(drawn))
    .filter(([, drawn]) => !world.oracle.wasReleasedOn(destination, drawn))
    .map(([path, drawn]) => `I8: ${path} ${drawn} did not arrive on the ${destination} side`);
}

/** I8: without faults, both sides give a file the same time, as far as the server can keep it. */
export function sameTimes(world: SimWorld): string[] {
  const { mtimePrecisionNs } = world.configuration.traits;
  if (world.direction !== 'two-way' || world.hadTrouble || mtimePrecisionNs === null) return [];
  const found: string[] = [];
  for (const [path, drawn] of world.pictures().local) {
    const local = world.disk.tree.at(path);
    const remote = world.server.tree.at(path);
    if (!local || !remote || !isFileText(drawn) || world.oracle.wasRepeated(drawn)) continue;
    const cut = (timeNs: bigint): bigint => timeNs - (timeNs % mtimePrecisionNs);
    if (cut(local.mtimeNs) !== cut(remote.mtimeNs)) found.push(`I8: ${path} has two times`);
  }
  return found;
}

/** I9: a run after a clean one changes nothing and reads no content. */
export function idempotence({ changes, reads }: RunOutcome): string[] {
  if (changes.length + reads === 0) return [];
  return [`I9: a second run has work: ${changes.join(', ') || `${reads} contents read`}`];
}

/** I10: without faults, no content travels to a side more than once. */
export function noPhantomTransfers(world: SimWorld): string[] {
  const { traits } = world.configuration;
  if (world.hadTrouble || !traits.identities) return [];
  const found: string[] = [];
  for (const side of ['local', 'remote'] as const)
    for (const [text, count] of world.audit.written[side])
      if (count > 1 && !world.oracle.wasRepeated(text) && !world.oracle.wasReleasedOn(side, text))
        found.push(`I10: ${text} was written ${count} times to the ${side} side`);
  return found;
}

/** I11: every record says what both sides hold, and everything on both sides has a record. */
export function trueRecords(world: SimWorld): string[] {
  const { local, remote } = world.pictures();
  const records = recordsByPath(world);
  const found: string[] = [];
  const direction: Direction = world.direction;
  const lead: Picture = direction === 'local-to-remote' ? local : remote;
  for (const [path, record] of records) {
    if (direction === 'two-way' && !(local.has(path) && remote.has(path)))
      found.push(`I11: a record of ${path}, which is not on both sides`);
    if (!lead.has(path)) found.push(`I11: a record of ${path}, which is not there`);
    const wrong = versionsThatDiffer(world, path, record);
    if (wrong !== null) found.push(`I11: the record of ${path} has another version: ${wrong}`);
  }
  const unlinked = world.configuration.traits.symlinks ? '' : '->';
  for (const [path, drawn] of lead)
    if (!records.has(path) && !(unlinked !== '' && drawn.startsWith(unlinked)))
      found.push(`I11: no record of ${path}`);
  return found;
}

/** I12: nothing is left of what the runs needed on their way. */
export function noResidue(world: SimWorld): string[] {
  const found: string[] = [];
  const { local, remote } = world.pictures();
  for (const [side, picture] of [
    ['local', local],
    ['remote', remote],
  ] as const)
    for (const path of picture.keys())
      if (path.includes(TEMPORARY_PREFIX)) found.push(`I12: ${side} ${path} is left over`);
  if (world.disk.stage.children.size > 0) found.push('I12: staged files are left over');
  if (world.records.next !== null) found.push('I12: the next store is left over');
  for (const [key, value] of world.records.current?.rows ?? []) {
    if (key.startsWith('p!')) found.push(`I12: the note of a parked move is left over: ${value}`);
    if (key.startsWith('c!') && direct(world, key.slice(2)) === 0)
      found.push(`I12: a conflict is listed whose copy is gone: ${value}`);
  }
  return found;
}

function direct(world: SimWorld, path: string): number {
  return [world.disk.tree.at(path), world.server.tree.at(path)].filter(Boolean).length;
}

function recordsByPath(world: SimWorld): Map<string, PairRecord> {
  const byId = new Map<number, PairRecord>();
  for (const [key, value] of world.records.current?.rows ?? []) {
    if (!key.startsWith(RECORD_PREFIX)) continue;
    const record = decodeRecord(key, value);
    byId.set(record.id, record);
  }
  const pathOf = (record: PairRecord): string => {
    const parent = byId.get(record.parentId);
    return parent === undefined ? record.name : `${pathOf(parent)}/${record.name}`;
  };
  return new Map([...byId.values()].map((record) => [pathOf(record), record]));
}

/** Returns the side whose file is of another version than the record says, though nothing would change that. */
function versionsThatDiffer(world: SimWorld, path: string, record: PairRecord): string | null {
  if (record.kind !== 'file') return null;
  const master = masterOf(world.direction);
  for (const side of ['local', 'remote'] as const) {
    // A destination may have changed a file; then the record keeps what it had.
    if (master !== null && side !== master) continue;
    const node = (side === 'local' ? world.disk.tree : world.server.tree).at(path);
    if (node === undefined || node.kind !== 'file') continue;
    const version = world.versionOf(side, node);
    if (version !== record[side].version)
      return `${side} ${version}, recorded ${record[side].version}`;
  }
  return null;
}
