import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../server/users.ts';
import { SEQUENCES, type Step } from './support/recorded-sequences.ts';
import { type Answer, type Fixture, startServer } from './support/running-server.ts';

const users = [{ name: 'ann', passwordHash: await hashPassword('pass') }];
const AUTHORIZATION = { authorization: `Basic ${btoa('ann:pass')}` };

let site: Fixture;

beforeEach(async () => {
  site = await startServer({ users });
});

afterEach(() => site.close());

function play(step: Step, token: string): Promise<Answer> {
  const [method = '', path = ''] = step.send.split(' ');
  const headers = Object.entries(step.headers ?? {}).map(([name, value]) => [
    name,
    value.replace('{token}', token).replace('{url}', site.server.url),
  ]);
  const sent = { ...Object.fromEntries(headers), ...(step.isAnonymous ? {} : AUTHORIZATION) };
  return site.ask(method, path, sent, step.body);
}

describe('the requests that programs are known to send', () => {
  test.each(SEQUENCES.map((one) => [one.name, one] as const))(
    'work as they should: %s',
    async (_, { steps, leaves }) => {
      let token = '';
      for (const step of steps) {
        const answer = await play(step, token);
        const said = `${JSON.stringify(answer.headers)}\n${answer.body}`;
        expect({ sent: step.send, status: answer.status }).toEqual({
          sent: step.send,
          status: step.status,
        });
        for (const pattern of step.says ?? []) expect(said.replaceAll('\\"', '"')).toMatch(pattern);
        token = /<([^>]+)>/.exec(`${answer.headers['lock-token'] ?? ''}`)?.[1] ?? token;
      }
      for (const [path, content] of Object.entries(leaves))
        expect([path, await readFile(site.at(path), 'utf8').catch(() => null)]).toEqual([
          path,
          content,
        ]);
    },
  );
});
