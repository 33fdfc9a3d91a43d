import { expect } from '@jest/globals';
import {
  compressed,
  cutBody,
  cutWithoutLength,
  foreignBody,
  tooMuchWithoutLength,
  wrongLength,
  wrongPart,
} from '../support/servers/wire/bodies.ts';
import { withHeaders } from '../support/servers/wire/fault.ts';
import { noise, type WireWorld } from '../support/wire-world.ts';
import { BIG_BYTES, wireSuite } from './wire-suite.ts';

const PLAN = { path: 'docs/plan.txt' };
const BIG = { path: 'big-there.bin' };
const BLOCK_BYTES = 128 * 1024;

function expectNothingTwice(world: WireWorld): void {
  expect(world.bytesOf('big-there.bin')).toBeLessThanOrEqual(BIG_BYTES + BLOCK_BYTES);
}

wireSuite('a body that is not the file', [
  {
    name: 'ends early, with a length: the rest is fetched, and nothing twice',
    fault: () => cutBody({ ...BIG, times: 1 }, 1_000_000),
    outcome: {},
    check: expectNothingTwice,
  },
  {
    name: 'ends early again and again: the rest is fetched piece by piece',
    fault: () => cutBody(BIG, 300_000),
    outcome: {},
    check: expectNothingTwice,
  },
  {
    name: 'never brings a byte: it is one problem, and everything else goes on',
    fault: () => cutBody(BIG, 0),
    outcome: { problems: { 'big-there.bin': 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    name: 'ends early each time, without a length: nothing of it is used',
    fault: () => cutWithoutLength(PLAN, 10),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'is said and sent too short',
    fault: () => wrongLength(PLAN, -7),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'is said and sent too long',
    fault: () => wrongLength(PLAN, 7),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'is sent too long without a length',
    fault: () => tooMuchWithoutLength(PLAN),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: "is another file's, with its headers",
    fault: () => foreignBody(PLAN, Buffer.from('somebody else')),
    outcome: { problems: { 'docs/plan.txt': 'CHANGED' }, retry: 'now' },
  },
  {
    name: 'is compressed although that was refused',
    fault: () => compressed(PLAN),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'is compressed without saying so',
    fault: () => compressed(PLAN, { marks: false }),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
]);

wireSuite('the rest of a body', [
  {
    name: 'that is another part: nothing of it is used, it is taken out of the whole instead',
    fault: () =>
      wrongPart(BIG.path, async (part) => {
        const answered = await part.forward();
        const range = `bytes 0-${answered.body.length - 1}/${BIG_BYTES}`;
        return withHeaders(answered, { 'content-range': range });
      }),
    outcome: {},
  },
  {
    name: 'that names another size of the whole',
    fault: () =>
      wrongPart(BIG.path, async (part) => {
        const range = `bytes 300000-${BIG_BYTES - 1}/${BIG_BYTES + 1}`;
        return withHeaders(await part.forward(), { 'content-range': range });
      }),
    outcome: {},
  },
  {
    name: 'that does not say which part it is',
    fault: () =>
      wrongPart(BIG.path, async (part) =>
        withHeaders(await part.forward(), { 'content-range': undefined }),
      ),
    outcome: {},
  },
  {
    name: 'that is shorter than it says',
    fault: () =>
      wrongPart(BIG.path, async (part) => {
        const answered = await part.forward();
        const body = answered.body.subarray(0, -100);
        return { ...withHeaders(answered, { 'content-length': `${body.length}` }), body };
      }),
    outcome: { problems: { 'big-there.bin': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'that is the whole, because something ignores ranges',
    fault: () => wrongPart(BIG.path, (part) => part.forward({ without: ['range', 'if-range'] })),
    outcome: {},
  },
  {
    name: 'that is of a newer version: the file is fetched anew, and is never a mixture of two',
    fault: (world) =>
      wrongPart(BIG.path, async (part) => {
        await world.write('server', BIG.path, noise(BIG_BYTES));
        return await part.forward();
      }),
    outcome: {},
  },
]);
