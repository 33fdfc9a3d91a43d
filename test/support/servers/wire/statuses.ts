import { type Aim, type Fault, fault } from './fault.ts';

/** Answers with a status, and nothing reaches the server. */
export function status(
  aim: Aim,
  code: number,
  headers: Readonly<Record<string, string>> = {},
): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    exchange.request.once('end', () =>
      exchange.reply({ status: code, headers, body: Buffer.from(`status ${code}`) }),
    );
  });
}

/** Answers everything with a page to sign in on, as the network of a hotel does. */
export function portalPage(aim: Aim = {}): Fault {
  return fault(aim, (exchange) => {
    exchange.request.resume();
    exchange.reply({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: Buffer.from(
        '<html><body><form>Please sign in to the hotel network</form></body></html>',
      ),
    });
  });
}

/** Sends on to another address. */
export function redirect(aim: Aim, code: number, location: string): Fault {
  return status(aim, code, { location });
}
