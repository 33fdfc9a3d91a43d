import { expect } from '@jest/globals';
import { portalPage, redirect, status } from '../support/servers/wire/statuses.ts';
import type { WireWorld } from '../support/wire-world.ts';
import { wireSuite } from './wire-suite.ts';

const NOTES = { method: 'PUT', path: 'docs/notes.txt' } as const;
const PLAN = { method: 'GET', path: 'docs/plan.txt' } as const;

function requests(world: WireWorld): number {
  return world.server.passed.length;
}

const inYears = new Date(Date.now() + 5 * 365 * 86_400_000).toUTCString();

wireSuite('a stranger in the way', [
  {
    name: 'answers everything with a page to sign in on: nothing is changed',
    fault: () => portalPage(),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'answers everything from the middle of the transfers on with a page to sign in on',
    fault: () => portalPage({ after: 4 }),
    outcome: { reasons: ['REMOTE_PROTOCOL'] },
  },
  {
    name: 'sends everything on to a page to sign in on (302)',
    fault: () => redirect({}, 302, 'http://portal.example/login'),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'says that the network asks to sign in (511)',
    fault: () => status({}, 511),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'says that a proxy asks to sign in (407)',
    fault: () => status({}, 407, { 'proxy-authenticate': 'Basic' }),
    outcome: { error: 'REMOTE_UNAUTHORIZED', retry: 'never' },
    check: (world) => expect(requests(world)).toBe(1),
  },
  {
    name: 'sends one file on to another server: it is not followed, and is a problem of that file',
    fault: () => redirect(PLAN, 307, 'http://127.0.0.1:9/elsewhere'),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'sends an upload on to another server: nothing is sent there',
    fault: () => redirect(NOTES, 308, 'http://127.0.0.1:9/elsewhere'),
    outcome: { problems: { 'docs/notes.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'sends one file round in circles',
    fault: () => redirect(PLAN, 302, '/docs/plan.txt'),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
    check: (world) => expect(requests(world)).toBeLessThan(40),
  },
]);

wireSuite('a refusal', [
  {
    name: 'of the sign-in from the start (401): asked once, nothing is changed',
    fault: () => status({}, 401, { 'www-authenticate': 'Basic realm="x"' }),
    outcome: { error: 'REMOTE_UNAUTHORIZED', retry: 'never' },
    check: (world) => expect(requests(world)).toBe(1),
  },
  {
    name: 'of the sign-in in the middle of a run (401): everything ends at once',
    fault: () => status({ after: 3 }, 401, { 'www-authenticate': 'Basic realm="x"' }),
    outcome: { error: 'REMOTE_UNAUTHORIZED', retry: 'never' },
  },
  {
    name: 'of one download (403)',
    fault: () => status(PLAN, 403),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_FORBIDDEN' }, retry: 'never' },
  },
  {
    name: 'of one upload (403)',
    fault: () => status(NOTES, 403),
    outcome: { problems: { 'docs/notes.txt': 'REMOTE_FORBIDDEN' }, retry: 'never' },
  },
  {
    name: 'of one upload because of a lock (423)',
    fault: () => status(NOTES, 423),
    outcome: { problems: { 'docs/notes.txt': 'REMOTE_LOCKED' }, retry: 'later' },
  },
  {
    name: 'of one upload because its condition failed (412): what is there is not overwritten',
    fault: () => status(NOTES, 412),
    outcome: { problems: { 'docs/notes.txt': 'CHANGED' }, retry: 'now' },
  },
  {
    name: 'of one upload because its folder is not there (409)',
    fault: () => status(NOTES, 409),
    outcome: { problems: { 'docs/notes.txt': 'CHANGED' }, retry: 'now' },
  },
  {
    name: 'of one upload because there is no room (507)',
    fault: () => status(NOTES, 507),
    outcome: { problems: { 'docs/notes.txt': 'REMOTE_QUOTA' }, retry: 'later' },
  },
  {
    name: 'of one upload because it is too large (413)',
    fault: () => status({ method: 'PUT', path: 'big-here.bin' }, 413),
    outcome: { problems: { 'big-here.bin': 'REMOTE_QUOTA' }, retry: 'later' },
  },
  {
    name: 'of one download because the server fails (500)',
    fault: () => status(PLAN, 500),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'of one download with a status that nobody knows (599)',
    fault: () => status(PLAN, 599),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
]);

wireSuite('a busy server', [
  {
    name: 'that asks to wait some seconds is waited for (503)',
    fault: () => status({ ...PLAN, times: 2 }, 503, { 'retry-after': '3' }),
    outcome: {},
    check: (world) => expect(world.sleptMs).toBeGreaterThanOrEqual(6000),
  },
  {
    name: 'that asks to wait until a time is waited for (429)',
    fault: () =>
      status({ ...PLAN, times: 1 }, 429, {
        'retry-after': new Date(Date.now() + 5000).toUTCString(),
      }),
    outcome: {},
  },
  {
    name: 'that asks for one file to wait some years: it is not waited for, and only that file waits',
    fault: () => status(PLAN, 503, { 'retry-after': '157680000' }),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
    check: (world) => expect(world.sleptMs).toBeLessThan(60_000),
  },
  {
    name: 'that asks to be left alone for years is asked again after minutes (429)',
    fault: () => status({}, 429, { 'retry-after': inYears }),
    outcome: { error: 'REMOTE_RATE_LIMITED', retry: 'later' },
    check: async (world) => {
      expect(requests(world)).toBe(1);
      world.later(60_000);
      expect((await world.sync()).error?.code).toBe('REMOTE_RATE_LIMITED');
      expect(requests(world)).toBe(0);
    },
  },
  {
    name: 'that asks everybody to slow down in the middle is not hammered (429)',
    fault: () => status({ after: 3 }, 429),
    outcome: { reasons: ['REMOTE_RATE_LIMITED'] },
    check: (world) => expect(requests(world)).toBeLessThan(24),
  },
  {
    name: 'that is away for everything in the middle ends the run soon (503)',
    fault: () => status({ after: 3 }, 503),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
    check: (world) => expect(requests(world)).toBeLessThan(40),
  },
  {
    name: 'whose gateway fails for everything ends the run (502)',
    fault: () => status({}, 502),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
]);
