import { type DirectoryListing, surveyAhead } from '../../native/index.ts';
import { toDavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { childOf, HIDDEN_NAMES, isHiddenName, type ResourcePath } from '../request-path.ts';

/** Media type of an answer that says of each collection in a tree how its listing can be told from another. */
export const LISTINGS_TYPE = 'application/vnd.ferry.listings';

const PIECE_CHARS = 64 * 1024;
/**
 * Answers with a line of JSON for each collection at and below the one asked for, parents first: its path relative to
 * that one and the fingerprint of its listing, null where it could not be listed. The fingerprint is another one when
 * anything that PROPFIND says of the collection's members may have changed. The last line is the number of those
 * before it: an answer without it was cut off.
 */
export async function sendListings(exchange: Exchange): Promise<void> {
  const { path: top, response, site } = exchange;
  const waiting: ResourcePath[] = [top];
  const surveys = surveyAhead(site.root, waiting, (path) => ({ path }), {
    hidden: HIDDEN_NAMES,
    onlyDirectories: true,
  });
  let lines = 0;
  let text = '';
  for await (const found of surveys) {
    for (const [path, listing] of found) {
      if (path === top) checkTop(top, listing);
      for (const name of directoriesIn(listing)) waiting.push(childOf(path, name));
      text += lineOf(path.slice(top === '' ? 0 : top.length + 1), listing);
    }
    lines += found.length;
    if (!response.headersSent) response.writeHead(200, { 'content-type': LISTINGS_TYPE });
    if (text.length < PIECE_CHARS) continue;
    await exchange.write(text);
    text = '';
  }
  await exchange.write(`${text}${lines}\n`);
  response.end();
}

function checkTop(top: ResourcePath, listing: DirectoryListing): void {
  if (!('errno' in listing)) return;
  const error = Object.assign(new Error(listing.errno), { code: listing.errno });
  throw toDavError(error, top, 'listing');
}

function lineOf(path: string, listing: DirectoryListing): string {
  return `${JSON.stringify([path, 'errno' in listing ? null : listing.fingerprint])}\n`;
}

function directoriesIn(listing: DirectoryListing): readonly string[] {
  if ('errno' in listing) return [];
  return listing.items.flatMap(({ name, stat }) =>
    name === null || stat?.kind !== 'directory' || isHiddenName(name) ? [] : [name],
  );
}
