import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ProbeResult } from '../../../remotes/webdav/probe-result.ts';

/** One request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that does what a test says, and remembers what it was asked. */
export interface MisbehavingServer {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

/** Starts a server that answers with `behave`; bodies are swallowed first. */
export async function misbehaving(behave: Misbehaviour): Promise<MisbehavingServer> {
  const seen: SeenRequest[] = [];
  const server: Server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers });
    request.resume();
    request.on('error', () => {});
    request.on('end', () => behave(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    seen,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A resource of a made-up listing. */
export interface MadeUp {
  readonly href: string;
  /** Absent: a collection. */
  readonly sizeBytes?: number;
  readonly etag?: string;
}

/** Returns the text of a multistatus with these resources. */
export function multistatus(resources: readonly MadeUp[]): string {
  const responses = resources.map(({ href, sizeBytes, etag = '"v1"' }) => {
    const kind =
      sizeBytes === undefined
        ? '<d:resourcetype><d:collection/></d:resourcetype>'
        : `<d:resourcetype/><d:getcontentlength>${sizeBytes}</d:getcontentlength><d:getetag>${etag}</d:getetag>`;
    return `<d:response><d:href>${href}</d:href><d:propstat><d:prop>${kind}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`;
  });
  return `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">${responses.join('')}</d:multistatus>`;
}

/** Answers with a listing. */
export function answerListing(response: ServerResponse, resources: readonly MadeUp[]): void {
  answerXml(response, multistatus(resources));
}

/** Answers 207 with that text. */
export function answerXml(response: ServerResponse, text: string): void {
  response.writeHead(207, { 'content-type': 'application/xml; charset=utf-8' });
  response.end(text);
}

/** A server that honours all of HTTP's conditions, as a probe would describe it. */
export const WELL_BEHAVED: ProbeResult = {
  format: 1,
  probedAtMs: 0,
  server: null,
  companion: false,
  requests: 0,
  ifMatch: { put: true, remove: true, move: true },
  ifNoneMatch: true,
  ifLists: false,
  locks: 'no',
  overwriteFalse: true,
  atomicPut: true,
  mkcolRefusesExisting: true,
  etags: 'strong',
  versions: 'exact',
  etagOfPut: true,
  setsMtime: 'no',
  deadProperties: false,
  modes: false,
  fileIds: false,
  depthInfinity: false,
  ranges: true,
  listsDotNames: true,
  caseSensitive: true,
  maxNameBytes: 255,
  unusableNames: [],
  clockSkewMs: 0,
  quotaAvailableBytes: null,
};
