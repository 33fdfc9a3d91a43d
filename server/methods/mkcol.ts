import { DavError, errnoOf } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { appliedHeader, preferencesOf } from '../preferences.ts';
import { parentOf } from '../request-path.ts';
import { elementsOf, isNamed, parseXml } from '../xml/parse.ts';
import { DAV, NAMESPACES, XML_DECLARATION } from '../xml/write.ts';
import {
  applyInstructions,
  type Instruction,
  isAllowed,
  parseInstructions,
  updateReport,
} from './property-update.ts';
import { requestedMode } from './write-headers.ts';

/** Makes one collection in an existing one, with the properties that the body names (RFC 5689): all of it or nothing. */
export async function mkcol(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  const instructions = await requestedProperties(exchange);
  if (path === '') throw new DavError(405, 'the root exists already');
  const mode = requestedMode(exchange.header('ferry-mode'));
  const wrongType = new Set(instructions?.filter((one) => isType(one) && !isPlainType(one)));
  const refused = new Set(instructions?.filter((one) => !isType(one) && !isAllowed(one)));
  if (wrongType.size > 0)
    return answer(exchange, 403, updateReport(instructions ?? [], wrongType, 'valid-resourcetype'));
  if (refused.size > 0) return answer(exchange, 403, updateReport(instructions ?? [], refused));
  await site.turns.run([path], async () => {
    await exchange.check(await site.look(path));
    exchange.requireUnlocked(path, { membership: true });
    try {
      await site.root.makeDirectory(path, mode ?? 0o777);
    } catch (error) {
      throw refusalOf(error, path);
    }
    await describe(exchange, mode, instructions ?? []);
    site.changed(path);
  });
  await site.sync.directories(parentOf(path));
  if (instructions === null) return exchange.send(201);
  const { isMinimal } = preferencesOf(exchange);
  if (isMinimal) return exchange.send(201, appliedHeader({ isMinimal }));
  answer(exchange, 201, updateReport(instructions, refused));
}

/** What is set with the collection; null when there is no body. @throws DavError 400, 415 */
async function requestedProperties(exchange: Exchange): Promise<readonly Instruction[] | null> {
  if (exchange.bodyLength === 0) return null;
  const type = exchange.header('content-type') ?? '';
  if (!/^(?:application|text)\/xml\s*(?:;|$)/i.test(type))
    throw new DavError(415, 'the body of MKCOL is XML');
  const body = await exchange.xmlBody();
  if (body.length === 0) return null;
  const root = parseXml(body);
  if (!isNamed(root, DAV, 'mkcol')) throw new DavError(415, 'the body of MKCOL is DAV:mkcol');
  return parseInstructions(root).filter(({ value }) => value !== null);
}

function isType({ namespace, name }: Instruction): boolean {
  return namespace === DAV && name === 'resourcetype';
}

/** Other kinds of collections, such as calendars, would be promises that this server does not keep. */
function isPlainType({ value }: Instruction): boolean {
  const types = value === null ? [] : elementsOf(value);
  return types.length === 1 && types.every((type) => isNamed(type, DAV, 'collection'));
}

/** Gives the new collection its properties; it is taken away again when that fails. */
async function describe(
  exchange: Exchange,
  mode: number | undefined,
  instructions: readonly Instruction[],
): Promise<void> {
  const { site, path } = exchange;
  try {
    if (mode !== undefined) await site.root.setMode(path, mode);
    await site.properties.forget(path);
    const made = instructions.length === 0 ? null : await site.look(path);
    const properties = instructions.filter((one) => !isType(one));
    if (made !== null) await applyInstructions(exchange, made, properties);
  } catch (error) {
    await site.root.removeDirectory(path).catch(() => undefined); // somebody has put something into it already
    throw error;
  }
}

function answer(exchange: Exchange, status: number, report: string): void {
  const response = `<D:mkcol-response ${NAMESPACES}>${report}</D:mkcol-response>`;
  exchange.sendXml(status, `${XML_DECLARATION}${response}`);
}

function refusalOf(error: unknown, path: string): unknown {
  switch (errnoOf(error)) {
    case 'EEXIST':
      return new DavError(405, `/${path} exists already`);
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
      return new DavError(409, `/${path} cannot be made: its parent collection does not exist`);
    default:
      return error;
  }
}
