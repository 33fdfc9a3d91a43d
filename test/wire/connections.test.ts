import { expect } from '@jest/globals';
import {
  deaf,
  dribble,
  endlessHead,
  otherProtocol,
  resetAfterwards,
  resetBefore,
  resetInAnswer,
  resetInUpload,
  silent,
  silentInAnswer,
  slowHead,
} from '../support/servers/wire/connections.ts';
import type { WireWorld } from '../support/wire-world.ts';
import { BIG_BYTES, wireSuite } from './wire-suite.ts';

const BIG = { path: 'big-there.bin' };
/** What a reset may throw away in the buffers on the way. */
const BLOCK_BYTES = 384 * 1024;
/** Seconds become milliseconds, so that nobody waits for them. */
const QUICK = {
  webdav: {
    patience: { connectMs: 5000, answerMs: 400, stallMs: 250, slowMs: 300, slowBytes: 4096 },
  },
};

function timesSent(world: WireWorld, method: string, path: string): number {
  return world.server.passed.filter((one) => one.method === method && one.path === path).length;
}

wireSuite('a connection', [
  {
    name: 'that is reset in the middle of a body: the rest is fetched, and nothing twice',
    fault: () => resetInAnswer({ ...BIG, times: 1 }, 900_000),
    outcome: {},
    check: (world) => expect(world.bytesOf(BIG.path)).toBeLessThanOrEqual(BIG_BYTES + BLOCK_BYTES),
  },
  {
    name: 'that is reset in the middle of every body of one file is a problem of that file only',
    fault: () => resetInAnswer(BIG, 0),
    outcome: { problems: { 'big-there.bin': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    ...QUICK,
    name: 'that falls silent in the middle of a body is given up, and the rest is fetched',
    fault: () => silentInAnswer({ ...BIG, times: 1 }, 900_000),
    outcome: {},
    check: (world) => expect(world.bytesOf(BIG.path)).toBeLessThanOrEqual(BIG_BYTES + BLOCK_BYTES),
  },
  {
    ...QUICK,
    name: 'on which no answer ever comes for one file is a problem of that file only',
    fault: () => silent({ method: 'GET', ...BIG }),
    outcome: { problems: { 'big-there.bin': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    ...QUICK,
    name: 'on which nothing is answered any more ends the run, to be tried later',
    fault: () => silent({ after: 3 }),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    ...QUICK,
    name: 'that takes no more of an upload is given up, and only that file waits',
    fault: () => deaf({ path: 'big-here.bin' }),
    outcome: { problems: { 'big-here.bin': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    name: 'that is reset in the middle of an upload: the server has nothing of it, and it is sent again',
    fault: () => resetInUpload({ path: 'big-here.bin', times: 1 }),
    outcome: {},
    check: (world) => expect(timesSent(world, 'PUT', 'big-here.bin')).toBe(2),
  },
  {
    name: 'that is reset in the middle of each upload of one file is a problem of that file only',
    fault: () => resetInUpload({ path: 'big-here.bin' }),
    outcome: { problems: { 'big-here.bin': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    name: 'that is reset after an upload was carried out: it is not sent again, and is no conflict',
    fault: () => resetAfterwards({ method: 'PUT', path: 'docs/notes.txt', times: 1 }),
    outcome: {},
    check: (world) => expect(timesSent(world, 'PUT', 'docs/notes.txt')).toBe(1),
  },
  {
    name: 'that is reset after a new big file was carried out: it is not sent again, and is no conflict',
    fault: () => resetAfterwards({ method: 'PUT', path: 'big-here.bin', times: 1 }),
    outcome: {},
    check: (world) => expect(timesSent(world, 'PUT', 'big-here.bin')).toBe(1),
  },
  {
    name: 'that is reset after an upload that was not carried out: it is sent once more',
    fault: () => resetBefore({ method: 'PUT', path: 'docs/notes.txt', times: 1 }),
    outcome: {},
    check: (world) => expect(timesSent(world, 'PUT', 'docs/notes.txt')).toBe(2),
  },
  {
    name: 'that is reset after a folder was made: it is not made twice',
    fault: () => resetAfterwards({ method: 'MKCOL', times: 1 }),
    edit: (world) => world.write('local', 'made here/inside.txt', 'inside'),
    outcome: {},
  },
  {
    name: 'that is reset after a file was moved: it is found where it went',
    fault: () => resetAfterwards({ method: 'MOVE', times: 1 }),
    edit: (world) => world.move('local', 'keep/file 1 100%.txt', 'keep/moved.txt'),
    takenAway: ['keep/file 1 100%.txt'],
    outcome: {},
  },
  {
    name: 'that is reset at every request ends the run, to be tried later',
    fault: () => resetBefore({}),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    ...QUICK,
    name: 'on which the head of a listing comes a letter at a time is given up',
    fault: () => slowHead({ method: 'PROPFIND' }, 20),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    ...QUICK,
    name: 'on which a listing comes a letter at a time is given up',
    fault: () => dribble({ method: 'PROPFIND', after: 1 }, 10),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    name: 'on which headers come without end is given up',
    fault: () => endlessHead({ method: 'PROPFIND' }),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'on which something else than HTTP is spoken',
    fault: () => otherProtocol({ method: 'PROPFIND' }),
    outcome: { error: 'GUARD_STOPPED' },
  },
]);
