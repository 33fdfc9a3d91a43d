import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { activeLockXml, type Lock, MAX_LOCK_TIMEOUT_S } from '../lock-table.ts';
import { parentOf } from '../request-path.ts';
import type { Stage } from '../storage/stage.ts';
import { findChild, isNamed, parseXml, type XmlElement } from '../xml/parse.ts';
import { DAV, NAMESPACES, serialize, XML_DECLARATION } from '../xml/write.ts';

/** Grants a lock, or makes a held one run anew when the request has no body. */
export async function lock(exchange: Exchange, stage: Stage): Promise<void> {
  const body = await exchange.xmlBody();
  if (body.length === 0) return refresh(exchange);
  const { scope, ownerXml } = parseLockInfo(parseXml(body));
  const depth = exchange.depth('infinity');
  if (depth === '1') throw new DavError(400, 'Depth of LOCK is 0 or infinity');
  const { site, path, principal } = exchange;
  const timeoutS = requestedTimeoutS(exchange.header('timeout'));
  const { granted, created } = await site.turns.run([path], async () => {
    const current = await site.look(path);
    await exchange.check(current);
    if (current === null) exchange.requireUnlocked(parentOf(path));
    const request = { path, scope, depth, ownerXml, principal, timeoutS } as const;
    const newLock = site.locks.grant(request);
    try {
      if (current === null) await createEmpty(exchange, stage);
    } catch (error) {
      site.locks.release(path, newLock.token, principal);
      throw error;
    }
    return { granted: newLock, created: current === null };
  });
  exchange.sendXml(created ? 201 : 200, answerOf(granted, principal), {
    'lock-token': `<${granted.token}>`,
  });
}

/** Ends a lock of the signed-in user. */
export function unlock(exchange: Exchange): void {
  const header = exchange.header('lock-token')?.trim() ?? '';
  const token = /^<([^<>\s]+)>$/.exec(header)?.[1];
  if (token === undefined) throw new DavError(400, 'UNLOCK needs a Lock-Token header: <token>');
  exchange.site.locks.release(exchange.path, token, exchange.principal);
  exchange.send(204);
}

async function refresh(exchange: Exchange): Promise<void> {
  const { site, path, principal, tokens } = exchange;
  if (tokens.size === 0)
    throw new DavError(400, 'LOCK without a body refreshes a lock, which the If header names');
  const timeoutS = requestedTimeoutS(exchange.header('timeout'));
  const refreshed = site.locks.refresh(path, tokens, principal, timeoutS);
  if (refreshed === null)
    throw new DavError(412, `/${path} is not locked with that token`, {
      condition: 'lock-token-matches-request-uri',
    });
  exchange.sendXml(200, answerOf(refreshed, principal));
}

/** RFC 4918 section 7.3: a lock on an unused name makes an empty file there. */
async function createEmpty(exchange: Exchange, stage: Stage): Promise<void> {
  const { site, path } = exchange;
  if (exchange.hasTrailingSlash) throw new DavError(409, `/${path} does not exist`);
  if ((await site.look(parentOf(path)))?.kind !== 'directory')
    throw new DavError(409, `/${path} cannot be locked: its parent collection does not exist`);
  const staged = await stage.create();
  try {
    await site.sync.file(staged.fd);
    await site.root.rename(staged.path, path, 'no-replace');
    await staged.seal();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await site.properties.forget(path);
  await site.sync.directories(parentOf(path));
}

function parseLockInfo(root: XmlElement): { scope: Lock['scope']; ownerXml: string } {
  if (!isNamed(root, DAV, 'lockinfo')) throw new DavError(400, 'the body of LOCK is DAV:lockinfo');
  const scope = findChild(root, DAV, 'lockscope');
  const type = findChild(root, DAV, 'locktype');
  if (scope === undefined || type === undefined || findChild(type, DAV, 'write') === undefined)
    throw new DavError(422, 'only write locks exist');
  const isExclusive = findChild(scope, DAV, 'exclusive') !== undefined;
  if (!isExclusive && findChild(scope, DAV, 'shared') === undefined)
    throw new DavError(422, 'a lock is exclusive or shared');
  const owner = findChild(root, DAV, 'owner');
  return {
    scope: isExclusive ? 'exclusive' : 'shared',
    ownerXml: owner === undefined ? '' : serialize(owner),
  };
}

/** The first wish that is understood, cut to what this server grants. */
function requestedTimeoutS(header: string | undefined): number {
  const seconds = /(?:^|,)\s*Second-(\d{1,10})\s*(?:,|$)/i.exec(header ?? '')?.[1];
  if (seconds === undefined) return MAX_LOCK_TIMEOUT_S;
  return Math.min(Math.max(1, Number(seconds)), MAX_LOCK_TIMEOUT_S);
}

function answerOf(granted: Lock, viewer: string): string {
  const discovery = `<D:lockdiscovery>${activeLockXml(granted, viewer)}</D:lockdiscovery>`;
  return `${XML_DECLARATION}<D:prop ${NAMESPACES}>${discovery}</D:prop>`;
}
