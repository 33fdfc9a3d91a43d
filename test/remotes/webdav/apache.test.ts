import { expect, test } from '@jest/globals';
import { apache } from '../../support/servers/apache.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(apache(), (context) => {
  test('the probe says what the server honours', () => {
    expect(context().probe).toMatchObject({});
  });
});
