import { constants, fchmod } from 'node:fs';
import { promisify } from 'node:util';
import type { NodeStat } from '../../native/safe-root.ts';
import { type DavCondition, DavError } from '../dav-error.ts';
import { isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { livePropertyOf } from '../live-properties.ts';
import { carryChecksums } from '../storage/kept-checksums.ts';
import { closeAsync } from '../storage/stage.ts';
import { elementsOf, findChild, isNamed, textOf, type XmlElement } from '../xml/parse.ts';
import { DAV, FERRY, MICROSOFT, serialize, tag } from '../xml/write.ts';
import { keyOf, propstat } from './property-request.ts';
import { isKeepableTime, requestedMode } from './write-headers.ts';

const fchmodAsync = promisify(fchmod);

/** One instruction: `value` is the whole element to keep, or null to remove the property. */
export interface Instruction {
  readonly namespace: string;
  readonly name: string;
  readonly value: XmlElement | null;
}

interface LiveChange {
  mtimeNs?: bigint;
  mode?: number;
}

/** Returns what the `set` and `remove` elements of a request say. @throws DavError 400 */
export function parseInstructions(root: XmlElement): readonly Instruction[] {
  return elementsOf(root).flatMap((group) => {
    const isSet = isNamed(group, DAV, 'set');
    if (!isSet && !isNamed(group, DAV, 'remove')) return [];
    const prop = findChild(group, DAV, 'prop');
    if (prop === undefined) throw new DavError(400, 'set and remove hold DAV:prop');
    return elementsOf(prop).map((element) => ({
      namespace: element.namespace,
      name: element.name,
      value: isSet ? element : null,
    }));
  });
}

/** Tells whether the instruction can be followed; live properties can be set seldom, and not to everything. */
export function isAllowed(instruction: Instruction): boolean {
  if (livePropertyOf(instruction.namespace, instruction.name) === undefined) return true;
  return liveChangeOf(instruction) !== null;
}

/** What setting a live property changes on the disk; null when it cannot be set, or not to that. */
function liveChangeOf({ namespace, name, value }: Instruction): LiveChange | null {
  if (value === null) return null;
  const text = textOf(value).trim();
  switch (keyOf(namespace, name)) {
    case keyOf(DAV, 'getlastmodified'):
    case keyOf(MICROSOFT, 'Win32LastModifiedTime'): {
      const ms = Date.parse(text);
      return Number.isNaN(ms) ? null : timeChange(BigInt(ms) * 1_000_000n);
    }
    case keyOf(FERRY, 'mtime'):
      return /^-?\d{1,20}$/.test(text) ? timeChange(BigInt(text)) : null;
    case keyOf(FERRY, 'mode'):
      return /^0?[0-7]{3}$/.test(text) ? { mode: requestedMode(text) ?? 0 } : null;
    default:
      return null;
  }
}

function timeChange(mtimeNs: bigint): LiveChange | null {
  return isKeepableTime(mtimeNs) ? { mtimeNs } : null;
}

/**
 * Follows the instructions; `expected` is the state that they were decided on. Returns the state afterwards.
 * @throws DavError 412 when the resource was changed meanwhile
 */
export async function applyInstructions(
  exchange: Exchange,
  expected: NodeStat,
  instructions: readonly Instruction[],
): Promise<NodeStat> {
  const { site, path } = exchange;
  await applyLive(exchange, expected, instructions);
  await applyDead(exchange, instructions);
  const stat = (await site.look(path)) ?? expected;
  if (stat.mtimeNs !== expected.mtimeNs)
    await carryChecksums(site, { path, stat: expected }, { path, stat });
  return stat;
}

/** Works on one descriptor, so that what changes is what the conditions were decided on. */
async function applyLive(
  exchange: Exchange,
  expected: NodeStat,
  instructions: readonly Instruction[],
): Promise<void> {
  const { site, path } = exchange;
  const change: LiveChange = Object.assign(
    {},
    ...instructions.map((one) => liveChangeOf(one) ?? {}),
  );
  if (change.mtimeNs === undefined && change.mode === undefined) return;
  const fd = await site.root.open(path, constants.O_RDONLY);
  try {
    if (!isSameContent(await site.root.statDescriptor(fd), expected))
      throw new DavError(412, `/${path} was changed meanwhile`);
    if (change.mode !== undefined) await fchmodAsync(fd, change.mode);
    if (change.mtimeNs !== undefined) await site.root.setTimesOfDescriptor(fd, change.mtimeNs);
    await site.sync.file(fd);
  } finally {
    await closeAsync(fd);
  }
}

async function applyDead(exchange: Exchange, instructions: readonly Instruction[]): Promise<void> {
  const { properties } = exchange.site;
  const kept = new Map(properties.of(exchange.path));
  let changed = false;
  for (const { namespace, name, value } of instructions) {
    if (livePropertyOf(namespace, name) !== undefined) continue;
    changed = true;
    if (value === null) kept.delete(keyOf(namespace, name));
    else kept.set(keyOf(namespace, name), serialize(value));
  }
  if (changed) await properties.set(exchange.path, kept);
}

/** Returns the `propstat` elements that tell what became of the instructions: all was done, or nothing. */
export function updateReport(
  instructions: readonly Instruction[],
  refused: ReadonlySet<Instruction>,
  condition: DavCondition = 'cannot-modify-protected-property',
): string {
  const tagsOf = (list: readonly Instruction[]): string =>
    [...new Set(list.map(({ namespace, name }) => tag(namespace, name)))].join('');
  const others = tagsOf(instructions.filter((one) => !refused.has(one)));
  if (refused.size === 0) return propstat(others, 200);
  const why = `<D:error><D:${condition}/></D:error>`;
  const refusal = propstat(tagsOf([...refused]), 403, why);
  return others === '' ? refusal : refusal + propstat(others, 424);
}
