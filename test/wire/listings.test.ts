import { expect } from '@jest/globals';
import { cutWithoutLength } from '../support/servers/wire/bodies.ts';
import { resetInAnswer } from '../support/servers/wire/connections.ts';
import {
  added,
  brokenListing,
  cutListing,
  edited,
  emptyListing,
  hrefIn,
  madeUpListing,
} from '../support/servers/wire/listings.ts';
import { portalPage, status } from '../support/servers/wire/statuses.ts';
import {
  frozenEtag,
  newEtags,
  weakEtags,
  withoutEtags,
  withoutHeaders,
} from '../support/servers/wire/versions.ts';
import { wireSuite } from './wire-suite.ts';

const ROOT = { path: '' };
const LISTED = { after: 1 };
/** Without its own conditions the companion server gets big files aside, and a move gives them another ETag. */
const ASIDE = ['big-here.bin'];

wireSuite('half a listing', [
  {
    name: 'that is cut in the middle of an entry: nothing is changed',
    fault: () => cutListing({ ...ROOT, ...LISTED }, false),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'that is cut between two entries: nothing is changed',
    fault: () => cutListing({ ...ROOT, ...LISTED }, true),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'whose connection is reset: nothing is changed',
    fault: () => brokenListing({ ...ROOT, ...LISTED }),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    name: 'that leaves out the folder itself: nothing is changed',
    fault: () => edited({ ...ROOT, ...LISTED }, (responses) => responses.slice(1)),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'of another folder: nothing is changed',
    fault: () => madeUpListing({ ...ROOT, ...LISTED }, OTHER_FOLDER),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'of a folder below is that folder only',
    walks: true,
    looksAgain: ASIDE,
    fault: () => cutListing({ path: 'keep' }, false),
    outcome: { problems: { keep: 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'that names everything twice is read once',
    fault: () =>
      edited({ ...ROOT, ...LISTED }, (responses) => responses.flatMap((one) => [one, one])),
    outcome: {},
  },
  {
    name: 'that names everything twice, one directory after another, is read once',
    walks: true,
    looksAgain: ASIDE,
    fault: () => edited({}, (responses) => responses.flatMap((one) => [one, one])),
    outcome: {},
  },
  {
    name: 'that names one file with two states is a problem of that file',
    walks: true,
    looksAgain: ASIDE,
    fault: () =>
      edited({ path: 'docs' }, (responses) =>
        responses.flatMap((one) =>
          hrefIn(one).endsWith('plan.txt')
            ? [one, one.replace(/getcontentlength>\d+/, 'getcontentlength>1')]
            : [one],
        ),
      ),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'that also names what is outside of the folder: those are problems, and left alone',
    fault: () => added({ ...ROOT, ...LISTED }, ['/../outside.txt', '/docs/../../outside.txt']),
    outcome: { reasons: ['NAME_NOT_ALLOWED'] },
  },
  {
    name: 'that leaves a folder out but not what it holds',
    fault: () =>
      edited({ ...ROOT, ...LISTED }, (responses) =>
        responses.filter((one) => hrefIn(one) !== '/keep/'),
      ),
    outcome: { problems: { keep: 'REMOTE_PROTOCOL' }, retry: 'later' },
  },
  {
    name: 'with one file that the server refuses to tell about (403)',
    fault: () =>
      edited({ ...ROOT, ...LISTED }, (responses) =>
        responses.map((one) =>
          hrefIn(one).endsWith('plan.txt') ? one.replaceAll('200 OK', '403 Forbidden') : one,
        ),
      ),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_FORBIDDEN' }, retry: 'never' },
  },
  {
    name: 'of a folder whose storage is away (503): it is left alone, the rest is synced',
    walks: true,
    looksAgain: ASIDE,
    fault: () => status({ below: 'keep' }, 503),
    outcome: { problems: { keep: 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    name: 'of a folder whose storage is away for hours (503 with Retry-After)',
    walks: true,
    looksAgain: ASIDE,
    fault: () => status({ below: 'keep' }, 503, { 'retry-after': '7200' }),
    outcome: { problems: { keep: 'REMOTE_UNAVAILABLE' }, retry: 'later' },
  },
  {
    name: 'of a folder that is not found (404): it is left alone, the rest is synced',
    walks: true,
    looksAgain: ASIDE,
    fault: () => status({ below: 'keep' }, 404),
    outcome: { problems: { keep: 'REMOTE_NOT_FOUND' }, retry: 'never' },
  },
  {
    name: 'of a root that is empty: nothing is deleted, and the question is asked',
    fault: () => emptyListing(ROOT),
    outcome: { error: 'GUARD_STOPPED' },
    check: (_, { error }) => expect(error?.message).toMatch(/--allow-deletes/),
  },
]);

const OTHER_FOLDER =
  '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/other/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>';

wireSuite('a list of what has changed', [
  {
    name: 'that is cut without a length: nothing is changed',
    fingerprints: true,
    fault: () => cutWithoutLength({ path: '' }, 60),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    name: 'whose connection is reset is asked for again in the next run',
    fingerprints: true,
    fault: () => resetInAnswer({ path: '' }, 60),
    outcome: { error: 'REMOTE_UNREACHABLE', retry: 'later' },
  },
  {
    name: 'that is a page to sign in on',
    fingerprints: true,
    fault: () => portalPage({ method: 'GET', path: '' }),
    outcome: {},
  },
]);

wireSuite('versions that lie', [
  {
    name: 'there are none any more: times and sizes stand for them, and nothing is transferred for nothing',
    fault: () => withoutEtags(),
    outcome: {},
    looksAgain: 'all',
  },
  {
    name: 'they are weak all of a sudden',
    fault: () => weakEtags(),
    outcome: {},
  },
  {
    name: 'they are all new although nothing has changed: contents are compared, no conflict comes of it',
    fault: () => newEtags(),
    outcome: { problems: { 'docs/notes.txt': 'CHANGED' }, retry: 'now' },
    looksAgain: 'all',
  },
  {
    name: 'one stays the same although the file has another size',
    edit: async (world) => {
      await world.sync(frozenEtag('plan.txt', 'frozen'));
      await world.write('server', 'docs/plan.txt', 'the third plan');
    },
    fault: () => frozenEtag('plan.txt', 'frozen'),
    outcome: {},
    check: async (world) => {
      const { local, server } = await world.both();
      expect(local['docs/plan.txt']).toBe(server['docs/plan.txt']);
    },
    looksAgain: ['docs/plan.txt'],
  },
  {
    name: 'answers to GET come without ETag, length and time',
    fault: () =>
      withoutHeaders({ method: 'GET' }, [
        'etag',
        'content-length',
        'last-modified',
        'accept-ranges',
      ]),
    outcome: {},
  },
  {
    name: 'answers to PUT come without ETag',
    fault: () => withoutHeaders({ method: 'PUT' }, ['etag', 'oc-etag', 'oc-fileid', 'x-oc-mtime']),
    outcome: {},
  },
]);
