import { constants, fchmod } from 'node:fs';
import { promisify } from 'node:util';
import type { NodeStat } from '../../native/safe-root.ts';
import { DavError } from '../dav-error.ts';
import { etagOf, isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { livePropertyOf } from '../live-properties.ts';
import { hrefOf } from '../request-path.ts';
import { closeAsync } from '../storage/stage.ts';
import { elementsOf, findChild, isNamed, parseXml, textOf, type XmlElement } from '../xml/parse.ts';
import { DAV, escapeXml, FERRY, MICROSOFT, multistatus, serialize, tag } from '../xml/write.ts';
import { keyOf, propstat } from './property-request.ts';
import { isKeepableTime, requestedMode } from './write-headers.ts';

const fchmodAsync = promisify(fchmod);

/** One instruction: `value` is the whole element to keep, or null to remove the property. */
interface Instruction {
  readonly namespace: string;
  readonly name: string;
  readonly value: XmlElement | null;
}

interface LiveChange {
  mtimeNs?: bigint;
  mode?: number;
}

/** Changes properties in the order given, all of them or none (RFC 4918 section 9.2). */
export async function proppatch(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  const instructions = parseUpdate(parseXml(await exchange.xmlBody()));
  await site.turns.run([path], async () => {
    const stat = await site.look(path);
    if (stat === null) throw new DavError(404, `/${path}: nothing is there`);
    await exchange.check(stat);
    exchange.requireUnlocked(path);
    const refused = new Set(instructions.filter((instruction) => !isAllowed(instruction)));
    if (refused.size > 0) return answer(exchange, stat, instructions, refused);
    await applyLive(exchange, stat, instructions);
    await applyDead(exchange, instructions);
    answer(exchange, (await site.look(path)) ?? stat, instructions, refused);
  });
}

function parseUpdate(root: XmlElement): readonly Instruction[] {
  if (!isNamed(root, DAV, 'propertyupdate'))
    throw new DavError(400, 'the body of PROPPATCH is DAV:propertyupdate');
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

function isAllowed(instruction: Instruction): boolean {
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

function answer(
  exchange: Exchange,
  stat: NodeStat,
  instructions: readonly Instruction[],
  refused: ReadonlySet<Instruction>,
): void {
  const tagsOf = (list: readonly Instruction[]): string =>
    [...new Set(list.map(({ namespace, name }) => tag(namespace, name)))].join('');
  const others = tagsOf(instructions.filter((one) => !refused.has(one)));
  const condition = '<D:error><D:cannot-modify-protected-property/></D:error>';
  const stats =
    refused.size === 0
      ? propstat(others, 200)
      : propstat(tagsOf([...refused]), 403, condition) +
        (others === '' ? '' : propstat(others, 424));
  const href = hrefOf(exchange.path, stat.kind === 'directory');
  exchange.sendXml(
    207,
    multistatus(`<D:response><D:href>${escapeXml(href)}</D:href>${stats}</D:response>`),
    stat.kind === 'file' ? { etag: etagOf(stat) } : {},
  );
}
