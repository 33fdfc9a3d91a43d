import { DavError, errnoOf } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { parentOf } from '../request-path.ts';
import { requestedMode } from './write-headers.ts';

/** Makes one collection in an existing one. */
export async function mkcol(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  if (exchange.bodyLength !== 0) throw new DavError(415, 'MKCOL with a body is not supported');
  if (path === '') throw new DavError(405, 'the root exists already');
  const mode = requestedMode(exchange.header('ferry-mode'));
  await site.turns.run([path], async () => {
    await exchange.check(await site.look(path));
    exchange.requireUnlocked(path, { membership: true });
    try {
      await site.root.makeDirectory(path, mode ?? 0o777);
    } catch (error) {
      throw refusalOf(error, path);
    }
    if (mode !== undefined) await site.root.setMode(path, mode);
    await site.properties.forget(path);
  });
  await site.sync.directories(parentOf(path));
  exchange.send(201);
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
