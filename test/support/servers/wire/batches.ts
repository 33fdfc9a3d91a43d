import { BATCH_GET_TYPE } from '../../../../protocol/batch.ts';
import { FRAMES_TYPE } from '../../../../protocol/frames.ts';
import { type Answered, changed, type Exchange, type Fault, fault } from './fault.ts';

/** Which of the two requests for many files. */
export type Many = 'changes' | 'files';

const TYPES: Readonly<Record<Many, string>> = { changes: FRAMES_TYPE, files: BATCH_GET_TYPE };

function about(many: Many, one: Fault): Fault {
  return {
    ...one,
    strikes: (exchange) =>
      exchange.request.headers['content-type'] === TYPES[many] && one.strikes(exchange),
  };
}

/** Takes the request, does what it asks for, and never answers. */
export function lostAnswer(many: Many, times = Number.POSITIVE_INFINITY): Fault {
  const lose = async (exchange: Exchange): Promise<void> => {
    await exchange.forward();
    exchange.response.destroy();
  };
  return about(many, fault({ method: 'POST', times }, lose));
}

/** Hangs up before the server has heard of the request. */
export function lostRequest(many: Many): Fault {
  return about(
    many,
    fault({ method: 'POST' }, (exchange) => {
      exchange.response.destroy();
    }),
  );
}

/** Does what is asked for and sends only a share of the answer, whose head says nothing of its length. */
export function cutAnswer(many: Many, share: number, times = Number.POSITIVE_INFINITY): Fault {
  const cut = async (exchange: Exchange): Promise<void> => {
    const { status, headers, body } = await exchange.forward();
    const { 'content-length': _, ...others } = headers;
    exchange.response.writeHead(status, others);
    await exchange.send(body.subarray(0, Math.floor(body.length * share)));
    exchange.response.destroy();
  };
  return about(many, fault({ method: 'POST', times }, cut));
}

/** Refuses such requests, as something on the way that does not know them. */
export function refused(many: Many, status: number): Fault {
  return about(
    many,
    fault({ method: 'POST' }, (exchange) => {
      exchange.reply({ status, headers: {}, body: Buffer.from('no') });
    }),
  );
}

/** Answers with another body than the server's. */
export function otherBody(many: Many, change: (body: Buffer) => Buffer): Fault {
  const altered = ({ headers, ...answered }: Answered): Answered => {
    const { 'content-length': _, ...others } = headers;
    return { ...answered, headers: others, body: change(answered.body) };
  };
  return about(many, changed({ method: 'POST' }, altered));
}

/** Answers with the lines of the server's answer, changed. */
export function otherLines(change: (lines: string[]) => readonly string[]): Fault {
  return otherBody('changes', (body) => {
    const lines = body.toString().split('\n').slice(0, -1);
    return Buffer.from(
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    );
  });
}

/** Does what is asked for, and then says for ever that it is alive. */
export function endlessAnswer(many: Many, piece: Uint8Array): Fault {
  const drone = async (exchange: Exchange): Promise<void> => {
    const { status, headers } = await exchange.forward();
    const { 'content-length': _, ...others } = headers;
    const { response } = exchange;
    response.writeHead(status, others);
    for (let count = 0; count < 100_000 && !response.destroyed; count++)
      if (!response.write(piece))
        await new Promise((resolve) => {
          response.once('drain', resolve).once('close', resolve);
        });
    response.destroy();
  };
  return about(many, fault({ method: 'POST' }, drone));
}
