import { gzipSync } from 'node:zlib';
import {
  type Aim,
  type Answered,
  changed,
  type Exchange,
  type Fault,
  fault,
  withHeaders,
} from './fault.ts';

/** Says the right length and sends less, then hangs up. */
export function cutBody(aim: Aim, sentBytes: number): Fault {
  return fault({ method: 'GET', ...aim }, async (exchange) => {
    const { status, headers, body } = await exchange.forward();
    exchange.response.writeHead(status, headers);
    await exchange.send(body.subarray(0, sentBytes));
    exchange.response.destroy();
  });
}

/** Says no length and ends early, as a proxy does that lost its own connection. */
export function cutWithoutLength(aim: Aim, sentBytes: number): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => ({
    ...withHeaders(answered, { 'content-length': undefined }),
    body: answered.body.subarray(0, sentBytes),
  }));
}

/** Says another length than the file's and sends just that much: less of it, or more than there is. */
export function wrongLength(aim: Aim, byBytes: number): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => {
    const sizeBytes = answered.body.length + byBytes;
    const body = Buffer.concat([answered.body, Buffer.alloc(Math.max(0, byBytes), 'x')]);
    return {
      ...withHeaders(answered, { 'content-length': `${sizeBytes}` }),
      body: body.subarray(0, sizeBytes),
    };
  });
}

/** Says no length and sends more than the file holds. */
export function tooMuchWithoutLength(aim: Aim): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => ({
    ...withHeaders(answered, { 'content-length': undefined }),
    body: Buffer.concat([answered.body, Buffer.from('and more')]),
  }));
}

/** Sends a body of the right length and with the right headers in which one bit is wrong. */
export function flippedBit(aim: Aim): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => {
    const body = Buffer.from(answered.body);
    const middle = Math.floor(body.length / 2);
    if (body.length > 0) body.writeUInt8(body.readUInt8(middle) ^ 0x10, middle);
    return { ...answered, body };
  });
}

/** Sends the body of some other file, with that one's headers, as a cache that mixes things up. */
export function foreignBody(aim: Aim, foreign: Buffer): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => ({
    ...withHeaders(answered, { 'content-length': `${foreign.length}`, etag: '"someone-else"' }),
    body: foreign,
  }));
}

/** Compresses what it sends although nobody asked for it. */
export function compressed(aim: Aim, { marks = true }: { readonly marks?: boolean } = {}): Fault {
  return changed({ method: 'GET', ...aim }, (answered) => {
    const body = gzipSync(answered.body);
    const headers = {
      'content-length': `${body.length}`,
      ...(marks ? { 'content-encoding': 'gzip' } : {}),
    };
    return { ...withHeaders(answered, headers), body };
  });
}

/** Cuts the first body, so that the rest is asked for as a part, and answers that as `answer` says. */
export function wrongPart(path: string, answer: (part: Exchange) => Promise<Answered>): Fault {
  const cut = cutBody({}, 300_000);
  let isCut = false;
  return fault({ method: 'GET', path }, async (exchange) => {
    if (exchange.request.headers.range !== undefined) return exchange.reply(await answer(exchange));
    if (isCut) return exchange.reply(await exchange.forward());
    isCut = true;
    return await cut.strike(exchange);
  });
}
