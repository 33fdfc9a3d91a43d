import type { Exchange } from '../exchange.ts';

/** Media type of an answer that lists what is kept of a resource and of what was below it. */
export const VERSIONS_TYPE = 'application/vnd.ferry.versions';

const PIECE_CHARS = 64 * 1024;

/**
 * Answers with a line of JSON for each kept version, the latest first: its id, its path relative to the one asked for,
 * size, modification time in nanoseconds and whether it is the only copy. The last line is the number of those before
 * it: an answer without it was cut off. The resource itself may be gone.
 */
export async function sendVersions(exchange: Exchange): Promise<void> {
  const { path: top, response, site } = exchange;
  response.writeHead(200, { 'content-type': VERSIONS_TYPE });
  let lines = 0;
  let text = '';
  for await (const version of site.versions?.list(top) ?? []) {
    const { id, isOnlyCopy, mtimeNs, path, sizeBytes } = version;
    const below = path.slice(top === '' ? 0 : top.length + 1);
    text += `${JSON.stringify([id, below, sizeBytes, `${mtimeNs}`, isOnlyCopy])}\n`;
    lines++;
    if (text.length < PIECE_CHARS) continue;
    await exchange.write(text);
    text = '';
  }
  await exchange.write(`${text}${lines}\n`);
  response.end();
}
