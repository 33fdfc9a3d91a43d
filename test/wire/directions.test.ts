import { cutBody } from '../support/servers/wire/bodies.ts';
import { resetAfterwards } from '../support/servers/wire/connections.ts';
import { portalPage, status } from '../support/servers/wire/statuses.ts';
import { wireSuite } from './wire-suite.ts';

wireSuite('remote-to-local', [
  {
    direction: 'remote-to-local',
    name: 'a page to sign in on changes nothing',
    fault: () => portalPage(),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    direction: 'remote-to-local',
    name: 'a body that is cut again and again is put together',
    fault: () => cutBody({ path: 'big-there.bin' }, 300_000),
    outcome: {},
  },
  {
    direction: 'remote-to-local',
    name: 'a file that is refused waits, the others come',
    fault: () => status({ method: 'GET', path: 'docs/plan.txt' }, 403),
    outcome: { problems: { 'docs/plan.txt': 'REMOTE_FORBIDDEN' }, retry: 'never' },
  },
]);

wireSuite('local-to-remote', [
  {
    direction: 'local-to-remote',
    name: 'a page to sign in on changes nothing',
    fault: () => portalPage(),
    outcome: { error: 'GUARD_STOPPED' },
  },
  {
    direction: 'local-to-remote',
    name: 'an upload whose answer is lost is not sent again, and is no conflict',
    fault: () => resetAfterwards({ method: 'PUT', path: 'docs/notes.txt', times: 1 }),
    outcome: {},
  },
  {
    direction: 'local-to-remote',
    name: 'a file that is locked waits, the others go',
    fault: () => status({ method: 'PUT', path: 'docs/notes.txt' }, 423),
    outcome: { problems: { 'docs/notes.txt': 'REMOTE_LOCKED' }, retry: 'later' },
  },
]);
