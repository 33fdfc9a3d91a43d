import { type Aim, type Answered, changed, type Fault, withHeaders } from './fault.ts';

const READING = { method: ['GET', 'HEAD', 'PUT', 'PROPFIND'] } as const;

/** Removes every ETag, from headers and from listings. */
export function withoutEtags(aim: Aim = {}): Fault {
  return changed({ ...READING, ...aim }, (answered) =>
    withHeaders(
      inListing(answered, (text) => text.replaceAll(/<D:getetag>[^<]*<\/D:getetag>/gi, '')),
      {
        etag: undefined,
      },
    ),
  );
}

/** Marks every ETag as weak, as proxies do that might change a body. */
export function weakEtags(aim: Aim = {}): Fault {
  return changed({ ...READING, ...aim }, (answered) => {
    const { etag } = answered.headers;
    const weak = typeof etag === 'string' && !etag.startsWith('W/') ? `W/${etag}` : etag;
    const listed = inListing(answered, (text) =>
      text.replaceAll(/(<D:getetag>)("|&quot;)/gi, '$1W/$2'),
    );
    return withHeaders(listed, { etag: typeof weak === 'string' ? weak : undefined });
  });
}

/** Gives every file in listings another ETag than before, and the same in its headers; the contents are the same. */
export function newEtags(aim: Aim = {}): Fault {
  return changed({ ...READING, ...aim }, (answered) => {
    const { etag } = answered.headers;
    const listed = inListing(answered, (text) =>
      text.replaceAll(/(<D:getetag>(?:"|&quot;))/gi, '$1again-'),
    );
    return withHeaders(listed, {
      etag: typeof etag === 'string' ? etag.replace('"', '"again-') : undefined,
    });
  });
}

/** Gives one file a fixed ETag, in listings and in headers, whatever it holds. */
export function frozenEtag(name: string, opaque: string): Fault {
  return changed({ method: ['GET', 'HEAD', 'PROPFIND'] }, (answered, { path }) => {
    const isIt = path.endsWith(name) && answered.headers.etag !== undefined;
    const shown = isIt ? withHeaders(answered, { etag: `"${opaque}"` }) : answered;
    return inListing(shown, (text) =>
      text.replaceAll(/<D:response>.*?<\/D:response>/gs, (response) =>
        response.includes(name)
          ? response.replace(/(<D:getetag>)[^<]*/, `$1"${opaque}"`)
          : response,
      ),
    );
  });
}

/** Removes headers from every answer, as a proxy may. */
export function withoutHeaders(aim: Aim, names: readonly string[]): Fault {
  return changed(aim, (answered) =>
    withHeaders(answered, Object.fromEntries(names.map((name) => [name, undefined]))),
  );
}

/** Changes the text of a listing; other answers stay as they are. */
export function inListing(answered: Answered, change: (text: string) => string): Answered {
  if (answered.status !== 207) return answered;
  const body = Buffer.from(change(answered.body.toString()));
  return { ...withHeaders(answered, { 'content-length': `${body.length}` }), body };
}
