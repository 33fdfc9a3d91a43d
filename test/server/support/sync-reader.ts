import { hrefOf } from '../../../server/request-path.ts';
import { actualTree } from './feed-reader.ts';
import type { Answer, Fixture } from './running-server.ts';

/** What one sync report said. */
export interface SyncAnswer {
  /** The etag of a file, `collection`, or null for what has gone; by href. */
  readonly members: ReadonlyMap<string, string | null>;
  readonly token: string;
  readonly isCut: boolean;
}

/** Returns the body of a `DAV:sync-collection` request. */
export function syncBody(token: string, options: { level?: string; limit?: number } = {}): string {
  const { level = 'infinite', limit } = options;
  const limited = limit === undefined ? '' : `<D:limit><D:nresults>${limit}</D:nresults></D:limit>`;
  return `<?xml version="1.0"?><D:sync-collection xmlns:D="DAV:"><D:sync-token>${token}</D:sync-token><D:sync-level>${level}</D:sync-level>${limited}<D:prop><D:getetag/><D:resourcetype/></D:prop></D:sync-collection>`;
}

/** Reads a sync report; fails when it is none. */
export function parseSync(answer: Answer): SyncAnswer {
  if (answer.status !== 207) throw new Error(`${answer.status} ${answer.body}`);
  const members = new Map<string, string | null>();
  let isCut = false;
  for (const [, response = ''] of answer.body.matchAll(/<D:response>(.*?)<\/D:response>/gs)) {
    const href = unescapeXml(/<D:href>(.*?)<\/D:href>/.exec(response)?.[1] ?? '');
    if (response.includes('<D:number-of-matches-within-limits/>')) isCut = true;
    else if (!response.includes('<D:propstat>')) members.set(href, null);
    else if (response.includes('<D:collection/>')) members.set(href, 'collection');
    else members.set(href, unescapeXml(/<D:getetag>(.*?)<\/D:getetag>/.exec(response)?.[1] ?? ''));
  }
  const token = /<D:sync-token>(.*?)<\/D:sync-token>/.exec(answer.body)?.[1] ?? '';
  return { members, token, isCut };
}

function unescapeXml(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}

/** A client of RFC 6578 that knows of the whole tree only what sync reports tell it. */
export class SyncReader {
  readonly members = new Map<string, string>();
  readonly #fixture: Pick<Fixture, 'ask'>;
  #token = '';
  /** How often a token was refused. */
  refusals = 0;

  constructor(fixture: Pick<Fixture, 'ask'>) {
    this.#fixture = fixture;
  }

  /** Asks until everything was told, at most `limit` members at a time. */
  async follow(limit?: number): Promise<void> {
    for (let parts = 0; parts < 1000; parts++) {
      const options = limit === undefined ? {} : { limit };
      const answer = await this.#fixture.ask('REPORT', '/', {}, syncBody(this.#token, options));
      if (answer.status === 403 && answer.body.includes('<D:valid-sync-token>')) {
        this.refusals++;
        this.#token = '';
        this.members.clear();
        continue;
      }
      const sync = parseSync(answer);
      if (limit !== undefined && sync.members.size > limit)
        throw new Error('more than was asked for');
      for (const [href, seen] of sync.members) this.#note(href, seen);
      this.#token = sync.token;
      if (!sync.isCut) return;
    }
    throw new Error('the report has no end');
  }

  #note(href: string, seen: string | null): void {
    const bare = href.replace(/\/$/, '');
    for (const known of [...this.members.keys()])
      if (seen !== 'collection' && (known === bare || known.startsWith(`${bare}/`)))
        this.members.delete(known);
    if (seen !== null) this.members.set(bare, seen);
  }
}

/** Returns what a SyncReader of that directory must know. */
export function actualMembers(directory: string): ReadonlyMap<string, string> {
  return new Map(
    [...actualTree(directory)].map(([path, seen]) => [
      hrefOf(path, false),
      seen.startsWith('collection') ? 'collection' : seen,
    ]),
  );
}
