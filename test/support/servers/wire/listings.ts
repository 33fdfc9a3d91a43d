import { multistatus } from '../misbehaving.ts';
import { type Aim, changed, type Fault, fault, withHeaders } from './fault.ts';
import { inListing } from './versions.ts';

const LISTING = { method: 'PROPFIND' } as const;

/** Changes what is listed, one `response` element after another. */
export function edited(aim: Aim, edit: (responses: readonly string[]) => readonly string[]): Fault {
  return changed({ ...LISTING, ...aim }, (answered) =>
    inListing(answered, (text) => {
      const responses = text.match(/<D:response>.*?<\/D:response>/gs) ?? [];
      const start = text.slice(0, text.indexOf('<D:response>'));
      return `${start}${edit(responses).join('')}</D:multistatus>`;
    }),
  );
}

/** Returns the address that a `response` element is about. */
export function hrefIn(response: string): string {
  return /<D:href>([^<]*)<\/D:href>/.exec(response)?.[1] ?? '';
}

/** Ends a listing's text early: in the middle of an entry, or between two. */
export function cutListing(aim: Aim, between: boolean): Fault {
  return changed({ ...LISTING, ...aim }, (answered) =>
    inListing(answered, (text) => {
      const end = text.lastIndexOf('</D:response>');
      return between ? text.slice(0, end + '</D:response>'.length) : text.slice(0, end - 40);
    }),
  );
}

/** Cuts the connection in the middle of a listing that has no length. */
export function brokenListing(aim: Aim): Fault {
  return fault({ ...LISTING, ...aim }, async (exchange) => {
    const { status, headers, body } = await exchange.forward();
    exchange.response.writeHead(status, withoutLength(headers));
    await exchange.send(body.subarray(0, body.length / 2));
    exchange.request.socket.resetAndDestroy();
  });
}

/** Lists only the folder that was asked for, as if nothing was in it. */
export function emptyListing(aim: Aim): Fault {
  return edited(aim, (responses) => responses.slice(0, 1));
}

/** Answers with a listing that somebody made up. */
export function madeUpListing(aim: Aim, text: string, type = 'application/xml'): Fault {
  return fault({ ...LISTING, ...aim }, (exchange) => {
    exchange.request.resume();
    const headers = { 'content-type': type };
    exchange.reply({ status: 207, headers, body: Buffer.from(text) });
  });
}

/** Adds files with these addresses, as they are, to a listing. */
export function added(aim: Aim, hrefs: readonly string[]): Fault {
  const entries = multistatus(hrefs.map((href) => ({ href: escaped(href), sizeBytes: 5 })));
  const responses = entries
    .slice(entries.indexOf('<d:response>'), entries.lastIndexOf('</d:multistatus>'))
    .replaceAll('<d:response>', '<d:response xmlns:d="DAV:">');
  return edited(aim, (listed) => [...listed, responses]);
}

/** Answers every listing below a folder with that folder's own, so that it seems to hold itself without end. */
export function cycle(below: string): Fault {
  return fault({ ...LISTING, below }, async (exchange) => {
    exchange.request.resume();
    const here = `/${exchange.path}/`;
    const text = multistatus([{ href: here }, { href: `${here}again/` }]);
    exchange.reply({
      status: 207,
      headers: { 'content-type': 'application/xml' },
      body: Buffer.from(text),
    });
  });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function withoutLength(headers: Parameters<typeof withHeaders>[0]['headers']) {
  return withHeaders({ status: 0, headers, body: Buffer.alloc(0) }, { 'content-length': undefined })
    .headers;
}
