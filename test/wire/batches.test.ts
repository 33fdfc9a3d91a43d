import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { encodeFrame } from '../../protocol/frames.ts';
import {
  cutAnswer,
  endlessAnswer,
  lostAnswer,
  lostRequest,
  otherBody,
  otherLines,
  refused,
} from '../support/servers/wire/batches.ts';
import type { WireWorld } from '../support/wire-world.ts';
import { type WireCase, wireSuite } from './wire-suite.ts';

const GONE = 'keep/file 0 100%.txt';

/** More small things to do: new directories with files in them, and a file that goes. */
async function more(world: WireWorld): Promise<void> {
  for (let index = 0; index < 5; index++)
    await world.write('local', `new/in ${index}/file`, `new here ${index}`);
  for (let index = 0; index < 5; index++)
    await world.write('server', `theirs/in ${index}/file`, `new there ${index}`);
  await rm(join(world.local, GONE));
}

function posts({ server }: WireWorld): number {
  return server.passed.filter(({ method, struck }) => method === 'POST' && struck).length;
}

/** Whatever becomes of such a request, the run comes to its end with everything in step. */
function harmless(name: string, fault: WireCase['fault'], extra: Partial<WireCase> = {}): WireCase {
  return {
    name,
    batches: true,
    edit: more,
    takenAway: [GONE],
    fault,
    outcome: {},
    check: (at) => {
      expect(posts(at)).toBeGreaterThan(0);
    },
    ...extra,
  };
}

const NONSENSE = Buffer.from('<html>Please sign in</html>\n');

wireSuite('an answer to many changes', [
  harmless('is lost once', () => lostAnswer('changes', 1)),
  harmless('is lost each time', () => lostAnswer('changes')),
  harmless('never comes, as the requests do not arrive', () => lostRequest('changes')),
  harmless('is cut in the middle', () => cutAnswer('changes', 0.5)),
  harmless('is cut before its last line', () => cutAnswer('changes', 0.99)),
  ...[403, 405, 413, 500, 503].map((status) =>
    harmless(`is ${status} each time`, () => refused('changes', status)),
  ),
  harmless('has a line too many', () => otherLines((lines) => [lines[0] ?? '', ...lines])),
  harmless('has a line too few', () => otherLines((lines) => lines.slice(1))),
  harmless('has its lines in another order', () =>
    otherLines((lines) => [...lines.slice(0, -1).reverse(), lines.at(-1) ?? '']),
  ),
  harmless('counts wrong', () => otherLines((lines) => [...lines.slice(0, -1), '1000'])),
  harmless('goes on after its end', () => otherLines((lines) => [...lines, '{"status":201}'])),
  harmless('says no etag', () =>
    otherLines((lines) => lines.map((line) => line.replace('"etag"', '"tag"'))),
  ),
  harmless('says that all is well of everything', () =>
    otherLines((lines) => lines.map((line) => (line.startsWith('{') ? '{"status":204}' : line))),
  ),
  harmless('is a page to sign in', () => otherBody('changes', () => NONSENSE)),
  harmless('is empty', () => otherBody('changes', () => Buffer.alloc(0))),
  harmless('never ends', () => endlessAnswer('changes', Buffer.from('\n'.repeat(100)))),
]);

wireSuite('an answer with many files', [
  harmless('is lost each time', () => lostAnswer('files')),
  harmless('is cut once', () => cutAnswer('files', 0.5, 1)),
  harmless('is cut each time', () => cutAnswer('files', 0.5)),
  harmless('is cut before its end', () => cutAnswer('files', 0.99)),
  ...[405, 503].map((status) => harmless(`is ${status} each time`, () => refused('files', status))),
  harmless('says that a header has two gigabytes', () =>
    otherBody('files', (body) => Buffer.concat([Buffer.from([0x7f, 0xff, 0xff, 0xff]), body])),
  ),
  harmless('has more than was asked for', () =>
    otherBody('files', (body) => Buffer.concat([body.subarray(0, -4), body])),
  ),
  harmless('has less than was asked for', () => otherBody('files', (body) => body.subarray(-4))),
  harmless('is a page to sign in', () => otherBody('files', () => NONSENSE)),
  harmless('never ends', () => endlessAnswer('files', encodeFrame([], []))),
  harmless(
    'has a wrong bit in a content',
    () =>
      otherBody('files', (body) => {
        const damaged = Buffer.from(body);
        const at = body.length - 5;
        if (at > 0) damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
        return damaged;
      }),
    { outcome: { reasons: ['REMOTE_PROTOCOL'] } },
  ),
]);
