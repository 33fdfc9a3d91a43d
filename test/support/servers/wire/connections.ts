import { type Aim, type Fault, fault } from './fault.ts';

/** Resets the connection after so many bytes of a body were sent. */
export function resetInAnswer(aim: Aim, sentBytes: number): Fault {
  return fault({ method: 'GET', ...aim }, async (exchange) => {
    const { status, headers, body } = await exchange.forward();
    exchange.response.writeHead(status, headers);
    await exchange.send(body.subarray(0, sentBytes));
    exchange.request.socket.resetAndDestroy();
  });
}

/** Falls silent after so many bytes of a body, with the connection open. */
export function silentInAnswer(aim: Aim, sentBytes: number): Fault {
  return fault({ method: 'GET', ...aim }, async (exchange) => {
    const { status, headers, body } = await exchange.forward();
    exchange.response.writeHead(status, headers);
    await exchange.send(body.subarray(0, sentBytes));
  });
}

/** Takes the request and never answers. */
export function silent(aim: Aim): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
  });
}

/** Takes no more than a few bytes of an upload, with the connection open. */
export function deaf(aim: Aim): Fault {
  return fault({ method: 'PUT', ...aim }, (exchange) => {
    exchange.request.pause();
  });
}

/** Resets the connection in the middle of an upload; the server never hears of it. */
export function resetInUpload(aim: Aim): Fault {
  return fault({ method: 'PUT', ...aim }, (exchange) => {
    exchange.request.once('data', () => exchange.request.socket.resetAndDestroy());
  });
}

/** Takes the whole request, lets the server carry it out, and resets the connection before the answer. */
export function resetAfterwards(aim: Aim): Fault {
  return fault(aim, async (exchange) => {
    await exchange.forward();
    exchange.request.socket.resetAndDestroy();
  });
}

/** Takes the whole request and resets the connection; the server never hears of it. */
export function resetBefore(aim: Aim): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    exchange.request.once('end', () => exchange.request.socket.resetAndDestroy());
  });
}

/** Sends its answer's head a letter at a time, for ever. */
export function slowHead(aim: Aim, everyMs: number): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    const { socket } = exchange.request;
    socket.write('HTTP/1.1 207 Multi-Status\r\nX-Slow: ');
    everyTime(exchange.request.socket, everyMs, () => socket.write('x'));
  });
}

/** Sends header after header, for ever. */
export function endlessHead(aim: Aim): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    const { socket } = exchange.request;
    socket.write('HTTP/1.1 207 Multi-Status\r\n');
    everyTime(socket, 1, () => socket.write(`X-More: ${'x'.repeat(1000)}\r\n`.repeat(10)));
  });
}

/** Sends its body a byte at a time. */
export function dribble(aim: Aim, everyMs: number): Fault {
  return fault(aim, async (exchange) => {
    const { status, headers, body } = await exchange.forward();
    exchange.response.writeHead(status, headers);
    let at = 0;
    everyTime(exchange.request.socket, everyMs, () => {
      exchange.response.write(body.subarray(at, at + 1));
      at += 1;
      if (at === body.length) exchange.response.end();
    });
  });
}

/** Answers with something that is no HTTP at all. */
export function otherProtocol(aim: Aim): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    exchange.request.socket.end('220 mail.example ESMTP ready\r\n');
  });
}

function everyTime(
  socket: { readonly destroyed: boolean; once(name: 'close', listener: () => void): unknown },
  everyMs: number,
  action: () => void,
): void {
  const timer = setInterval(() => {
    if (!socket.destroyed) action();
  }, everyMs);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}
