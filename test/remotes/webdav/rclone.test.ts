import { expect, test } from '@jest/globals';
import { rclone } from '../../support/servers/rclone.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(rclone(), (context) => {
  test('the probe says what the server honours', () => {
    expect(context().probe).toMatchObject({});
  });
});
