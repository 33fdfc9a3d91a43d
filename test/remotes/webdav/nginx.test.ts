import { expect, test } from '@jest/globals';
import { nginx } from '../../support/servers/nginx.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(nginx(), (context) => {
  test('the probe says what the server honours', () => {
    expect(context().probe).toMatchObject({});
  });
});
