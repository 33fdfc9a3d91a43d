import { expect, it } from '@jest/globals';
import type { ApiPair } from '../../daemon/api.ts';
import { type MenuItem, trayMenu } from '../../tray/menu.ts';

/** What a hostile server might say, in the hope that somebody opens or renders it. */
const TEXTS = [
  'file:///etc/passwd',
  'smb://evil/share',
  '\\\\evil\\share',
  'javascript:alert(1)',
  'ms-msdt:/id PCWDiagnostic',
  'https://evil.example/login',
  '<img src=x onerror=alert(1)>',
  '\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007',
];

function flat(items: readonly MenuItem[]): readonly MenuItem[] {
  return items.flatMap((item) => [item, ...flat(item.items ?? [])]);
}

it.each(TEXTS)('what a server says is shown at most, and never opened: %s', (text) => {
  const pair: ApiPair = {
    name: 'docs',
    kind: 'folder',
    local: '/home/me/docs',
    remote: text,
    direction: 'two-way',
    paused: false,
    running: false,
    inSync: 'in-sync',
    progress: null,
    lastRunAtMs: 0,
    nextRunAtMs: 1,
    lastError: { code: 'REMOTE_UNAUTHORIZED', message: text },
    conflicts: 1,
    problems: 1,
    recordedEntries: 1,
    resetting: false,
  };
  const menu = trayMenu({ version: '1', pid: 1, pairs: [pair] }, 2);
  const opened = flat(menu.items).flatMap(({ action }) =>
    action?.kind === 'open' ? [action.absolutePath] : [],
  );
  expect(opened.length).toBeGreaterThan(0);
  expect(new Set(opened)).toEqual(new Set(['/home/me/docs']));
});
