import { expect, test } from '@jest/globals';
import { companion } from '../../support/servers/companion.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(companion(), (context) => {
  test('the companion server is recognised without trials', () => {
    expect(context().probe).toMatchObject({ companion: true, depthInfinity: true });
    expect(context().probe.requests).toBeLessThan(5);
  });
});
